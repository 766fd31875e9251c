import { join } from 'node:path';
import { goText, goTexts } from '../../go/literal.ts';
import { goModText, modulePath, runtimeFiles } from '../../go/module.ts';
import { suggestedPolicy } from '../../suggest/policy.ts';
import type { Model } from '../model.ts';
import { describeProvider } from '../open.ts';
import type { ProjectOptions } from '../typescript/project-files.ts';
import { type ReadmeWords, readmeText, variablesTable } from '../typescript/readme.ts';
import { contextFiles } from './context-files.ts';

const runtimeFolder = join(import.meta.dirname, 'runtime');

/** What the runtime needs; the versions are the last of the driver's fourth line. */
const requires = [
  'github.com/jackc/pgconn v1.14.3',
  'github.com/jackc/pgx/v4 v4.18.3',
  'golang.org/x/text v0.14.0',
  'google.golang.org/grpc v1.60.1',
];

const readmeWords: ReadmeWords = {
  running: `## Run it
\`\`\`sh
go mod tidy
export DATABASE_URL=postgres://user:password@db.example.org:5432/database
go vet ./... && go test ./...
WEIR_URL=http://127.0.0.1:7070 WEIR_KEY=… go run .
\`\`\`

${variablesTable('such as `http://127.0.0.1:7070`')}`,
  limits: 'provider.go',
  contexts: 'contexts',
  telling: ['TellCaller', 'WantsPrincipal'],
};

/** All files of a project in Go that serves what a model describes. */
export async function goProjectFiles(
  model: Model,
  options: ProjectOptions,
): Promise<ReadonlyMap<string, string>> {
  const policy = suggestedPolicy({ provider: options.name, fields: model.marked });
  return new Map([
    ['go.mod', goModText({ ...options, requires })],
    ['.gitignore', `/${options.name}\n`],
    ['README.md', readmeText(model, options, readmeWords)],
    ...(policy === undefined ? [] : ([['policy.yaml', policy]] as const)),
    ['main.go', mainText(options)],
    ['provider.go', providerText(model, options)],
    ['provider_test.go', testText(options)],
    ...contextFiles(model, options.name),
    ...(await runtimeFiles(runtimeFolder, 'internal/postgres')),
  ]);
}

function mainText({ name }: ProjectOptions): string {
  return `// Command ${name} serves context from a PostgreSQL database.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"

	"github.com/weir/weir-go/provider"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	databaseURL := os.Getenv("DATABASE_URL")
	if databaseURL == "" {
		return errors.New("DATABASE_URL is not set: see README.md")
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	offered, database, err := openProvider(ctx, databaseURL)
	if err != nil {
		return err
	}
	defer database.Close()
	// WEIR_URL and WEIR_KEY say where Weir is, and who registers.
	return provider.Serve(ctx, offered, provider.ServeOptions{
		OnEvent: func(event provider.Event) {
			log.Printf("%s: %s", event.Kind, event.Text)
			if event.Err != nil {
				log.Print(event.Err)
			}
		},
	})
}
`;
}

function providerText(model: Model, options: ProjectOptions): string {
  const { name, tellCaller = false, attributes = [] } = options;
  const told = goTexts(attributes);
  const fields = [
    ['Name', goText(name)],
    ['Version', '"1.0.0"'],
    ['Title', goText(model.database)],
    ['Description', goText(describeProvider(model))],
    ['Tags', '[]string{"postgresql"}'],
    ['Category', '"database"'],
    ['Timeout', '10 * time.Second'],
    ...(tellCaller ? [['WantsPrincipal', 'true']] : []),
    ...(tellCaller && told !== undefined ? [['PrincipalAttributes', told]] : []),
    ['Contexts', 'offered'],
  ] as const;
  const width = Math.max(...fields.map(([field = '']) => field.length)) + 1;
  const lines = fields.map(([field, value]) => `\t\t${`${field}:`.padEnd(width)} ${value},\n`);
  return `package main

import (
	"context"
	"log"
	"time"

	"${modulePath(name)}/contexts"
	"${modulePath(name)}/internal/postgres"
	"github.com/weir/weir-go/provider"
)

// openProvider opens the database, for reading only, and makes the provider of it. It fails when the database
// cannot be reached, or its sessions are not read-only.
func openProvider(ctx context.Context, databaseURL string) (*provider.Provider, *postgres.Database, error) {
	database, err := postgres.Open(ctx, postgres.Options{
		URL:              databaseURL,
		MaxConnections:   8,
		StatementTimeout: 4 * time.Second,
		LockTimeout:      time.Second,
		TellCaller:       ${tellCaller},
		OnFault:          func(text string, err error) { log.Printf("%s: %v", text, err) },
	})
	if err != nil {
		return nil, nil, err
	}
	offered, err := postgres.Contexts(database, contexts.Tables)
	if err != nil {
		database.Close()
		return nil, nil, err
	}
	return &provider.Provider{
${lines.join('')}	}, database, nil
}
`;
}

function testText({ name }: ProjectOptions): string {
  return `package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"testing"

	"${modulePath(name)}/contexts"
	"github.com/weir/weir-go/provider"
	"github.com/weir/weir-go/weirtest"
)

func TestRowsAreListedAndFetched(t *testing.T) {
	databaseURL := os.Getenv("DATABASE_URL")
	if databaseURL == "" {
		t.Skip("set DATABASE_URL to a database to test with")
	}
	ctx := context.Background()
	offered, database, err := openProvider(ctx, databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(database.Close)
	opened := weirtest.Open(t, offered)
	for _, table := range contexts.Tables {
		table := table
		t.Run(table.Type, func(t *testing.T) {
			page, err := opened.List(ctx, table.Type, provider.ListQuery{PageSize: 3})
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range page.Entries {
				content, err := opened.Fetch(ctx, table.Type, entry.Key, nil)
				if err != nil {
					t.Fatalf("%s/%s: %v", table.Type, entry.Key, err)
				}
				reader := json.NewDecoder(bytes.NewReader(content.Bytes))
				if err := reader.Decode(contexts.New(table.Type)); err != nil {
					t.Fatalf("%s/%s is no %s: %v", table.Type, entry.Key, table.Type, err)
				}
			}
			outcome, err := opened.Query(ctx, table.Type, "no/such/key/at/all", nil)
			if err != nil || !outcome.NotFound {
				t.Fatalf("a key that is not there: %+v, %v", outcome, err)
			}
		})
	}
}
`;
}
