package dev.weir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ContextRefTest {
    @Test
    void theKeyIsEverythingAfterTheFirstSlash() {
        assertEquals(ContextRef.of("DocChunk", "a/b#c@d"), ContextRef.parse("DocChunk/a/b#c@d"));
        assertEquals(ContextRef.of("Probe", "/x"), ContextRef.parse("Probe//x"));
    }

    @Test
    void aRangeStandsBehindTheType() {
        ContextRef ref = ContextRef.parse("DocChunk@^1.2/a");
        assertEquals("^1.2", ref.versionRange());
        assertEquals("DocChunk@^1.2/a", ref.toString());
    }

    @Test
    void whatIsNoRefIsRefusedWithTheWayToMendIt() {
        for (String text : new String[] {"DocChunk", "docChunk/a", "DocChunk/", "DocChunk@/a"}) {
            var error =
                    assertThrows(
                            IllegalArgumentException.class, () -> ContextRef.parse(text));
            assertTrue(error.getMessage().contains(text), error.getMessage());
        }
    }
}
