package dev.weir.provider;

/** What routers do with values that break the schema of their type. */
public enum SchemaCheck {
    /** Values are not checked. */
    NONE,
    /** Breaking the schema lowers the quality. */
    SCORE,
    /** Values that break the schema are refused. */
    REQUIRE;

    dev.weir.registry.v1.SchemaCheck toWire() {
        return dev.weir.registry.v1.SchemaCheck.valueOf("SCHEMA_CHECK_" + name());
    }
}
