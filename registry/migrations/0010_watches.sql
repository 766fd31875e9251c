CREATE TABLE "event_watches" (
	"tenant" text COLLATE "C" NOT NULL,
	"provider" text COLLATE "C" NOT NULL,
	"holder" text COLLATE "C" NOT NULL,
	"expire_time" timestamp (3) with time zone NOT NULL,
	"run" text COLLATE "C" DEFAULT '' NOT NULL,
	"cursor" text COLLATE "C" DEFAULT '' NOT NULL,
	"move_time" timestamp (3) with time zone,
	CONSTRAINT "event_watches_tenant_provider_pk" PRIMARY KEY("tenant","provider")
);
--> statement-breakpoint
ALTER TABLE "endpoints" ADD COLUMN "registrar" text COLLATE "C" DEFAULT '' NOT NULL;