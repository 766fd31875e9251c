CREATE TABLE "tool_groups" (
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"group" jsonb NOT NULL,
	CONSTRAINT "tool_groups_tenant_name_pk" PRIMARY KEY("tenant","name")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "tool_group" text COLLATE "C" DEFAULT '' NOT NULL;