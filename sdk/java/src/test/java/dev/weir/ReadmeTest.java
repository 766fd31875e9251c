package dev.weir;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What the README shows compiles; the quick starts are run apart from that. */
class ReadmeTest {
    private static final Pattern BLOCK = Pattern.compile("(?s)```java\n(.*?)```");
    private static final int QUICK_START_LINES = 15;
    private static final String AROUND =
            """
            import static org.junit.jupiter.api.Assertions.*;
            import dev.weir.*;
            import dev.weir.provider.*;
            import dev.weir.testing.*;
            import java.util.*;
            class Block {
                record Ticket(String title, boolean open) {}
                void run(String url, String key, Provider helpdesk) throws Exception {
                    %s
                }
            }
            """;

    @Test
    void whatTheReadmeShowsCompiles(@TempDir Path folder) throws IOException {
        Matcher blocks = BLOCK.matcher(Files.readString(Path.of("README.md")));
        int quickStarts = 0;
        while (blocks.find()) {
            String block = blocks.group(1);
            Matcher program = Pattern.compile("public class (\\w+)").matcher(block);
            if (program.find()) {
                quickStarts += 1;
                assertTrue(block.lines().count() <= QUICK_START_LINES, block);
                compile(folder, program.group(1), block);
            } else {
                compile(folder, "Block", String.format(AROUND, block));
            }
        }
        assertEquals(2, quickStarts);
    }

    private static void compile(Path folder, String name, String source) {
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        URI uri = URI.create("string:///" + name + ".java");
        JavaFileObject file =
                new SimpleJavaFileObject(uri, JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return source;
                    }
                };
        StringWriter said = new StringWriter();
        List<String> options =
                List.of(
                        "-proc:none",
                        "-d",
                        folder.toString(),
                        "-cp",
                        System.getProperty("java.class.path"));
        boolean isRight =
                compiler.getTask(said, null, null, options, null, List.of(file)).call();
        assertTrue(isRight, source + said);
    }
}
