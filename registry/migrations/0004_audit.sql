CREATE TABLE "audit_anchors" (
	"chain" text COLLATE "C" NOT NULL,
	"length" bigint NOT NULL,
	"head" "bytea" NOT NULL,
	"signature" "bytea" NOT NULL,
	"anchor_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "audit_anchors_chain_length_pk" PRIMARY KEY("chain","length")
);
--> statement-breakpoint
CREATE TABLE "audit_chains" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"writer" text NOT NULL,
	"public_key" "bytea" NOT NULL,
	"create_time" timestamp (3) with time zone NOT NULL,
	"previous_id" text COLLATE "C" NOT NULL,
	"previous_head" "bytea" NOT NULL,
	"previous_length" bigint NOT NULL,
	"seal" "bytea" NOT NULL,
	"length" bigint NOT NULL,
	"head" "bytea" NOT NULL,
	"last_time" timestamp (3) with time zone NOT NULL,
	"pruned_length" bigint DEFAULT 0 NOT NULL,
	"pruned_head" "bytea" NOT NULL,
	"pruned_seal" "bytea"
);
--> statement-breakpoint
CREATE TABLE "audit_chunks" (
	"tenant" text COLLATE "C" NOT NULL,
	"chain" text COLLATE "C" NOT NULL,
	"first" bigint NOT NULL,
	"last" bigint NOT NULL,
	"from_time" timestamp (3) with time zone NOT NULL,
	"to_time" timestamp (3) with time zone NOT NULL,
	"size" integer NOT NULL,
	"filter" "bytea" NOT NULL,
	"bodies" "bytea" NOT NULL,
	"settled" boolean DEFAULT false NOT NULL,
	CONSTRAINT "audit_chunks_tenant_chain_first_pk" PRIMARY KEY("tenant","chain","first")
);
--> statement-breakpoint
CREATE TABLE "audit_drops" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_drops_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"tenant" text COLLATE "C" NOT NULL,
	"chain" text COLLATE "C" NOT NULL,
	"first" bigint NOT NULL,
	"last" bigint NOT NULL,
	"runs" "bytea" NOT NULL,
	"reason" smallint NOT NULL,
	"drop_time" timestamp (3) with time zone NOT NULL,
	"seal" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "audit_faults" (
	"chain" text COLLATE "C" NOT NULL,
	"position" bigint NOT NULL,
	"text" text COLLATE "C" NOT NULL,
	"find_time" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "audit_faults_chain_position_text_pk" PRIMARY KEY("chain","position","text")
);
--> statement-breakpoint
CREATE TABLE "audit_headers" (
	"chain" text COLLATE "C" NOT NULL,
	"first" bigint NOT NULL,
	"last" bigint NOT NULL,
	"before" "bytea" NOT NULL,
	"to_time" timestamp (3) with time zone NOT NULL,
	"size" integer NOT NULL,
	"headers" "bytea" NOT NULL,
	"settled" boolean DEFAULT false NOT NULL,
	CONSTRAINT "audit_headers_chain_first_pk" PRIMARY KEY("chain","first")
);
--> statement-breakpoint
CREATE INDEX "audit_chunks_by_end" ON "audit_chunks" USING btree ("tenant","to_time","from_time");--> statement-breakpoint
CREATE INDEX "audit_chunks_by_beginning" ON "audit_chunks" USING btree ("tenant","from_time","to_time");--> statement-breakpoint
CREATE INDEX "audit_chunks_by_chain" ON "audit_chunks" USING btree ("chain","first");--> statement-breakpoint
CREATE INDEX "audit_chunks_unsettled" ON "audit_chunks" USING btree ("tenant","chain","first") WHERE not "audit_chunks"."settled";--> statement-breakpoint
CREATE INDEX "audit_drops_by_chain" ON "audit_drops" USING btree ("chain","first");--> statement-breakpoint
CREATE INDEX "audit_headers_unsettled" ON "audit_headers" USING btree ("chain","first") WHERE not "audit_headers"."settled";
--> statement-breakpoint
ALTER TABLE "audit_chunks" ALTER COLUMN "bodies" SET STORAGE EXTERNAL;
--> statement-breakpoint
ALTER TABLE "audit_headers" ALTER COLUMN "headers" SET STORAGE EXTERNAL;
