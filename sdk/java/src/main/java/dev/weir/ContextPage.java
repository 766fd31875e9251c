package dev.weir;

import java.util.List;

/**
 * A page of what there is to fetch.
 *
 * @param entries the entries; ranked by score when a query was given, else by type and key
 * @param nextPageToken where the next page begins; empty: this is the last page
 * @param gaps the providers that could not be asked: the list is without theirs
 */
public record ContextPage(
        List<ContextEntry> entries, String nextPageToken, List<ListGap> gaps) {}
