package dev.weir.provider;

import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.Struct;
import dev.weir.internal.Json;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.regex.Pattern;

/** Gathers what is wrong with a declaration, to name all of it at once. */
final class Faults {
    private static final Pattern TYPE = Pattern.compile("[A-Z][A-Za-z0-9]{0,62}");
    private static final Pattern PROVIDER = Pattern.compile("[a-z][a-z0-9-]{0,62}");
    private static final Pattern OPERATION = Pattern.compile("[A-Za-z0-9_.-]{1,128}");
    private static final String IDENTIFIER = "(0|[1-9]\\d*|\\d*[a-zA-Z-][0-9a-zA-Z-]*)";
    /** As semver.org suggests. */
    private static final Pattern SEMVER =
            Pattern.compile(
                    "(0|[1-9]\\d*)\\.(0|[1-9]\\d*)\\.(0|[1-9]\\d*)"
                            + "(-" + IDENTIFIER + "(\\." + IDENTIFIER + ")*)?"
                            + "(\\+[0-9a-zA-Z-]+(\\.[0-9a-zA-Z-]+)*)?");

    private final String what;
    private final List<String> found = new ArrayList<>();

    Faults(String what) {
        this.what = what;
    }

    Faults when(boolean isFault, String text) {
        if (isFault) found.add(text);
        return this;
    }

    Faults type(String name) {
        String form = "type must be A-Z, a-z, 0-9 after a capital, at most 63 characters";
        return when(!TYPE.matcher(name).matches(), form);
    }

    Faults provider(String name) {
        String form = "name must be a-z, 0-9 and \"-\" after a letter, at most 63";
        return when(!PROVIDER.matcher(name).matches(), form);
    }

    Faults operation(String name) {
        String form = "name must be 1 to 128 of A-Z, a-z, 0-9, \"_\", \"-\" and \".\"";
        return when(!OPERATION.matcher(name).matches(), form);
    }

    Faults version(String version) {
        String text = "version \"" + version + "\" is not semver: write it like 1.0.0";
        return when(!SEMVER.matcher(version).matches(), text);
    }

    Faults within(String name, Long value, long least, long most) {
        if (value == null) return this;
        String text = name + " " + value + " is not " + least + " to " + most;
        return when(value < least || value > most, text);
    }

    Faults within(String name, Duration value, Duration least, Duration most) {
        if (value == null) return this;
        boolean isOutside = value.compareTo(least) < 0 || value.compareTo(most) > 0;
        return when(isOutside, name + " " + value + " is not " + least + " to " + most);
    }

    Faults notNegative(String name, Duration value) {
        boolean isFault = value != null && value.isNegative();
        return when(isFault, name + " " + value + " is below 0");
    }

    Faults once(List<String> names) {
        Set<String> seen = new HashSet<>();
        Set<String> repeated = new HashSet<>();
        for (String name : names) if (!seen.add(name)) repeated.add(name);
        for (String name : repeated) {
            found.add(name + " is offered twice: offer it once");
        }
        return this;
    }

    /** Reads a JSON object; null when there is none, or it is faulty. */
    Struct object(String name, String json) {
        if (json == null) return null;
        try {
            return Json.toStruct(json);
        } catch (InvalidProtocolBufferException error) {
            found.add(name + " is no JSON object: " + error.getMessage());
            return null;
        }
    }

    /** Throws when something was found. */
    void end() {
        if (!found.isEmpty()) {
            throw new IllegalArgumentException(what + ": " + String.join("; ", found));
        }
    }
}
