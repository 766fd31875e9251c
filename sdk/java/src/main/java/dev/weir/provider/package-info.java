/**
 * Offers context and operations. {@link dev.weir.provider.Provider} is where to begin.
 */
package dev.weir.provider;
