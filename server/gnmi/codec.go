package gnmi

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Frame is the wire form of one message: the telemetry engine encodes an
// answer once and hands the same bytes to each subscriber. They are never
// modified after they are sent.
type Frame []byte

// Codec is the protobuf codec of gRPC, except that a Frame goes out as it is.
// A server takes it with grpc.ForceServerCodecV2.
type Codec struct {
	protobuf encoding.CodecV2
}

// NewCodec wraps the codec that gRPC registers for protobuf.
func NewCodec() Codec {
	return Codec{encoding.GetCodecV2(proto.Name)}
}

// Marshal gives the wire form of a Frame or a protobuf message.
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	if f, ok := v.(Frame); ok {
		return mem.BufferSlice{mem.SliceBuffer(f)}, nil
	}
	return c.protobuf.Marshal(v)
}

// Unmarshal fills a protobuf message.
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	return c.protobuf.Unmarshal(data, v)
}

// Name is that of the protobuf codec: to a client there is no difference.
func (c Codec) Name() string { return c.protobuf.Name() }
