CREATE TABLE "event_groups" (
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"version" bigint NOT NULL,
	"state" "bytea" NOT NULL,
	"update_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "event_groups_tenant_name_pk" PRIMARY KEY("tenant","name")
);
--> statement-breakpoint
CREATE INDEX "event_groups_by_time" ON "event_groups" USING btree ("update_time");