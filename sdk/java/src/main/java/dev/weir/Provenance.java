package dev.weir;

import java.util.List;

/**
 * Where an item comes from.
 *
 * @param provider the provider's name
 * @param providerVersion the provider's version
 * @param source the place within the source, such as a file name and line; empty when not told
 * @param cleaned the cleaners of the manifest that changed the value, such as {@code whitespace}
 */
public record Provenance(
        String provider, String providerVersion, String source, List<String> cleaned) {}
