CREATE TABLE "tool_calls" (
	"tenant" text COLLATE "C" NOT NULL,
	"id" text COLLATE "C" NOT NULL,
	"time" timestamp (3) with time zone NOT NULL,
	"duration_ms" double precision NOT NULL,
	"tool_group" text COLLATE "C" NOT NULL,
	"tool" text COLLATE "C" NOT NULL,
	"principal" text COLLATE "C" NOT NULL,
	"code" integer NOT NULL,
	"cache" integer NOT NULL,
	"failed" boolean NOT NULL,
	"call" "bytea" NOT NULL,
	CONSTRAINT "tool_calls_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
CREATE INDEX "tool_calls_by_time" ON "tool_calls" USING btree ("tenant","time","id");--> statement-breakpoint
CREATE INDEX "tool_calls_by_age" ON "tool_calls" USING btree ("time");