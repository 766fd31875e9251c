// Package weir fetches context from Weir, calls tools, and publishes and receives events.
//
// Providers are written with the package provider, and tested with weirtest.
package weir

// Version is the version of this SDK.
const Version = "0.1.0"
