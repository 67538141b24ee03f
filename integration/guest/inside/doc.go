// Package inside holds the tests that run in the guest (integration/guest):
// those whose partner is a kernel with modules that the machine need not have.
// Elsewhere they do nothing. It has no code but tests.
package inside
