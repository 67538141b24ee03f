package element

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// RefusedError is an element's refusal of a call.
type RefusedError struct {
	Code    codes.Code
	Message string // the element's own words: the path and the reason
}

func (e *RefusedError) Error() string { return fmt.Sprintf("%s (%s)", e.Message, e.Code) }

// explain puts what gRPC says into words with the remedy.
func (c *Client) explain(err error) error {
	if err == nil {
		return nil
	}
	s := status.Convert(err)
	switch s.Code() {
	case codes.Unavailable:
		if cause := c.last.get(); cause != nil {
			return c.unreachable(cause)
		}
		if c.plain && strings.Contains(s.Message(), "server preface") { // it hung up on the first octets
			return fmt.Errorf("the element at %s does not speak plain text: leave --insecure away", c.address)
		}
		return fmt.Errorf("the element at %s went away: %s", c.address, s.Message())
	case codes.Canceled:
		return context.Canceled
	case codes.DeadlineExceeded:
		if cause := c.last.get(); cause != nil {
			return c.unreachable(cause)
		}
		return fmt.Errorf("the element at %s gave no answer in time (--timeout allows more)", c.address)
	case codes.Unimplemented, codes.InvalidArgument, codes.NotFound:
	}
	return &RefusedError{Code: s.Code(), Message: s.Message()}
}

// unreachable names the remedy for a connection that did not come about.
func (c *Client) unreachable(cause error) error {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	switch {
	case errors.Is(cause, syscall.ECONNREFUSED):
		return fmt.Errorf("no element answers at %s: start one with \"signalbox serve\", or name another with --address", c.address)
	case errors.As(cause, &unknown):
		return fmt.Errorf("the certificate of the element at %s is signed by nobody known here: "+
			"name it with --ca (the element keeps its own in its state folder, tls/cert.pem), or take any with --skip-verify", c.address)
	case errors.As(cause, &name):
		return fmt.Errorf("the certificate of the element at %s is for another name: %w (--skip-verify takes any)", c.address, cause)
	case errors.As(cause, &record):
		return fmt.Errorf("the element at %s speaks plain text: use --insecure", c.address)
	}
	return fmt.Errorf("no connection to the element at %s: %w", c.address, cause)
}
