package dev.weir.provider;

import com.google.gson.JsonObject;
import dev.weir.internal.Json;

/**
 * For whom a provider is asked. Never holds the caller's credentials.
 *
 * @param tenant the tenant
 * @param principal the principal; empty unless the provider wants to know it
 * @param attributes the attributes of the principal that the provider asks for
 */
public record Caller(String tenant, String principal, JsonObject attributes) {
    static Caller read(dev.weir.provider.v1.Caller wire) {
        return new Caller(
                wire.getTenant(),
                wire.getPrincipal(),
                Json.fromStruct(wire.getAttributes()).getAsJsonObject());
    }
}
