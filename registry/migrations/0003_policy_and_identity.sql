CREATE TABLE "certificates" (
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"spiffe_id" text COLLATE "C",
	"subject" text COLLATE "C",
	"principal" text COLLATE "C" NOT NULL,
	"consumer" text COLLATE "C" NOT NULL,
	"scopes" jsonb NOT NULL,
	"permits" jsonb NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "certificates_tenant_name_pk" PRIMARY KEY("tenant","name")
);
--> statement-breakpoint
CREATE TABLE "issuer_audiences" (
	"url" text COLLATE "C" NOT NULL,
	"audience" text COLLATE "C" NOT NULL,
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	CONSTRAINT "issuer_audiences_url_audience_pk" PRIMARY KEY("url","audience")
);
--> statement-breakpoint
CREATE TABLE "issuers" (
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"url" text NOT NULL,
	"audiences" jsonb NOT NULL,
	"principal_claim" text NOT NULL,
	"principal_prefix" text NOT NULL,
	"attribute_claims" jsonb NOT NULL,
	"scopes" jsonb NOT NULL,
	"algorithms" jsonb NOT NULL,
	"consumer" text COLLATE "C" NOT NULL,
	"etag" text NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "issuers_tenant_name_pk" PRIMARY KEY("tenant","name")
);
--> statement-breakpoint
CREATE TABLE "policies" (
	"tenant" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"version" integer NOT NULL,
	"manifest" json NOT NULL,
	"title" text NOT NULL,
	"rules" integer NOT NULL,
	"manifest_hash" text NOT NULL,
	"etag" text NOT NULL,
	"author" text NOT NULL,
	"comment" text NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "policies_tenant_name_version_pk" PRIMARY KEY("tenant","name","version")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "permits" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "api_keys" ADD COLUMN "requires_signature" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "principals" ADD COLUMN "limits" jsonb;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "limits" jsonb;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "audit_retention_ms" bigint;--> statement-breakpoint
ALTER TABLE "tenants" ADD COLUMN "etag" text DEFAULT '' NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "certificates_by_spiffe_id" ON "certificates" USING btree ("spiffe_id");--> statement-breakpoint
CREATE UNIQUE INDEX "certificates_by_subject" ON "certificates" USING btree ("subject");--> statement-breakpoint
CREATE INDEX "certificates_by_principal" ON "certificates" USING btree ("tenant","principal");--> statement-breakpoint
CREATE INDEX "issuer_audiences_by_issuer" ON "issuer_audiences" USING btree ("tenant","name");--> statement-breakpoint
UPDATE "snapshot_entries" SET "rank" = CASE split_part("id", '/', 1) WHEN 'consumer' THEN 6 WHEN 'principal' THEN 7 ELSE 10 END WHERE "rank" >= 5;