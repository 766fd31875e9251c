package main

import (
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/grpc/codes"
)

// codeName is a code as gRPC names it, such as NOT_FOUND.
func codeName(number codes.Code) string { return code.Code(number).String() }

func codeOf(name string) (codes.Code, error) {
	number, known := code.Code_value[name]
	if !known {
		return codes.Unknown, fmt.Errorf("%s is no code", name)
	}
	return codes.Code(number), nil
}
