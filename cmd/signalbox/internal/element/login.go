package element

import "context"

// login sends a name and password with each call, as gNMI authentication has
// it.
type login struct {
	name, password string
	plain          bool // the connection is plain text, and that was asked for
}

// GetRequestMetadata gives the metadata of a call.
func (l login) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	return map[string]string{"username": l.name, "password": l.password}, nil
}

// RequireTransportSecurity keeps the password off plain connections.
func (l login) RequireTransportSecurity() bool { return !l.plain }
