// Package provider offers context and operations to Weir: what they are, the functions behind them, and the
// server that answers routers and keeps itself registered.
package provider
