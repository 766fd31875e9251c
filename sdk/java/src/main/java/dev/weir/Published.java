package dev.weir;

import java.util.List;

/**
 * What became of a publish.
 *
 * @param ids the names of the events, in their order
 * @param consistencyToken a fetch that brings it never gets an item of the events' refs as it was
 *     before
 */
public record Published(List<String> ids, String consistencyToken) {}
