// The driver of sdk/conformance: serves its provider, or does what each line on stdin says.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	kind := ""
	if len(os.Args) > 1 {
		kind = os.Args[1]
	}
	var err error
	switch kind {
	case "provider":
		err = serve(ctx)
	case "consumer":
		err = consume(ctx)
	default:
		err = fmt.Errorf("give provider or consumer, not %q", kind)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
