module github.com/weir/weir-go

go 1.19

require (
	golang.org/x/net v0.16.0
	google.golang.org/genproto/googleapis/rpc v0.0.0-20231002182017-d307bd883b97
	google.golang.org/grpc v1.60.1
	google.golang.org/protobuf v1.31.0
)
