CREATE TABLE "event_logs" (
	"tenant" text COLLATE "C" PRIMARY KEY NOT NULL,
	"head" bigint NOT NULL,
	"first" bigint NOT NULL,
	"size" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "event_publications" (
	"tenant" text COLLATE "C" NOT NULL,
	"publisher" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"fingerprint" "bytea" NOT NULL,
	"position" bigint NOT NULL,
	"ids" jsonb NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "event_publications_tenant_publisher_key_pk" PRIMARY KEY("tenant","publisher","key")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"tenant" text COLLATE "C" NOT NULL,
	"position" bigint NOT NULL,
	"event" "bytea" NOT NULL,
	"size" integer NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "events_tenant_position_pk" PRIMARY KEY("tenant","position")
);
--> statement-breakpoint
CREATE INDEX "event_publications_by_time" ON "event_publications" USING btree ("create_time");