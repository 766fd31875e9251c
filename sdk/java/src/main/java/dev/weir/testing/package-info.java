/** Tests a provider in memory, with no server. */
package dev.weir.testing;
