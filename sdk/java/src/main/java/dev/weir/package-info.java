/**
 * Fetches, streams, lists and calls context, and publishes and subscribes to events. {@link
 * dev.weir.Weir} is where to begin.
 */
package dev.weir;
