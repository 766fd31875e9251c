CREATE TABLE "api_keys" (
	"tenant" text COLLATE "C" NOT NULL,
	"id" text COLLATE "C" NOT NULL,
	"principal" text COLLATE "C" NOT NULL,
	"consumer" text COLLATE "C" NOT NULL,
	"scopes" jsonb NOT NULL,
	"title" text NOT NULL,
	"secret_hash" "bytea" NOT NULL,
	"expire_time" timestamp (3) with time zone,
	"revoke_time" timestamp (3) with time zone,
	"create_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "api_keys_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
CREATE TABLE "changes" (
	"revision" bigint PRIMARY KEY NOT NULL,
	"delta" "bytea" NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "consumers" (
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"manifest" jsonb NOT NULL,
	"etag" text NOT NULL,
	"words" text NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	"update_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "consumers_tenant_name_pk" PRIMARY KEY("tenant","name")
);
--> statement-breakpoint
CREATE TABLE "context_types" (
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"version" text COLLATE "C" NOT NULL,
	"version_order" text COLLATE "C" NOT NULL,
	"manifest" jsonb NOT NULL,
	"schema" json,
	"manifest_hash" text NOT NULL,
	"words" text NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "context_types_tenant_name_version_pk" PRIMARY KEY("tenant","name","version")
);
--> statement-breakpoint
CREATE TABLE "duties" (
	"name" text PRIMARY KEY NOT NULL,
	"holder" text NOT NULL,
	"expire_time" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "endpoints" (
	"tenant" text COLLATE "C" NOT NULL,
	"id" text COLLATE "C" NOT NULL,
	"provider" text COLLATE "C" NOT NULL,
	"version" text COLLATE "C" NOT NULL,
	"url" text NOT NULL,
	"weight" smallint NOT NULL,
	"kind" smallint NOT NULL,
	"health" smallint NOT NULL,
	"health_time" timestamp (3) with time zone NOT NULL,
	"lease_expire_time" timestamp (3) with time zone,
	CONSTRAINT "endpoints_tenant_id_pk" PRIMARY KEY("tenant","id")
);
--> statement-breakpoint
CREATE TABLE "grants" (
	"tenant" text COLLATE "C" NOT NULL,
	"provider" text COLLATE "C" NOT NULL,
	"consuming_tenant" text COLLATE "C" NOT NULL,
	CONSTRAINT "grants_tenant_provider_consuming_tenant_pk" PRIMARY KEY("tenant","provider","consuming_tenant")
);
--> statement-breakpoint
CREATE TABLE "installation" (
	"id" smallint PRIMARY KEY NOT NULL,
	"epoch" text NOT NULL,
	"revision" bigint NOT NULL,
	"digest" bigint NOT NULL,
	CONSTRAINT "installation_is_one_row" CHECK ("installation"."id" = 1)
);
--> statement-breakpoint
CREATE TABLE "principals" (
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"kind" smallint NOT NULL,
	"title" text NOT NULL,
	"attributes" json,
	"disabled" boolean NOT NULL,
	"etag" text NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "principals_tenant_name_pk" PRIMARY KEY("tenant","name")
);
--> statement-breakpoint
CREATE TABLE "providers" (
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"version" text COLLATE "C" NOT NULL,
	"version_order" text COLLATE "C" NOT NULL,
	"manifest" jsonb NOT NULL,
	"manifest_hash" text NOT NULL,
	"etag" text NOT NULL,
	"words" text NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	"update_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "providers_tenant_name_version_pk" PRIMARY KEY("tenant","name","version")
);
--> statement-breakpoint
CREATE TABLE "snapshot_entries" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"rank" smallint NOT NULL,
	"revision" bigint NOT NULL,
	"entry" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "tenants" (
	"name" text COLLATE "C" PRIMARY KEY NOT NULL,
	"title" text NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "api_keys_by_id" ON "api_keys" USING btree ("id");--> statement-breakpoint
CREATE INDEX "api_keys_by_principal" ON "api_keys" USING btree ("tenant","principal");--> statement-breakpoint
CREATE INDEX "api_keys_by_age" ON "api_keys" USING btree ("tenant","create_time","id");--> statement-breakpoint
CREATE INDEX "changes_by_time" ON "changes" USING btree ("create_time");--> statement-breakpoint
CREATE UNIQUE INDEX "endpoints_by_address" ON "endpoints" USING btree ("tenant","provider","version","kind","url");--> statement-breakpoint
CREATE INDEX "endpoints_by_lease" ON "endpoints" USING btree ("lease_expire_time");--> statement-breakpoint
CREATE INDEX "providers_by_content" ON "providers" USING gin ("manifest" jsonb_path_ops);--> statement-breakpoint
CREATE INDEX "snapshot_entries_by_rank" ON "snapshot_entries" USING btree ("rank","id");