// Package debian runs programs of Debian's packages without installing them:
// packages are taken from the mirror that this machine uses, with all that they
// depend on, and unpacked into a folder of the user's cache. Nothing of the
// machine changes, no service starts, and no root is needed. It knows nothing
// of what the programs are for.
package debian
