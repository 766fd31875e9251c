CREATE TABLE "audit_gaps" (
	"chain" text COLLATE "C" NOT NULL,
	"first" bigint NOT NULL,
	"end" bigint NOT NULL,
	"head" "bytea" NOT NULL,
	"find_time" timestamp (3) with time zone NOT NULL,
	"seal" "bytea" NOT NULL,
	CONSTRAINT "audit_gaps_chain_first_pk" PRIMARY KEY("chain","first")
);
