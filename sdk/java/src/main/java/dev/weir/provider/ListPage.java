package dev.weir.provider;

import java.util.List;

/**
 * A page of keys.
 *
 * @param entries the entries
 * @param nextPageToken where the next page begins; empty: this is the last page
 */
public record ListPage(List<ListEntry> entries, String nextPageToken) {
    /** The last page. */
    public static ListPage last(List<ListEntry> entries) {
        return new ListPage(entries, "");
    }
}
