package dev.weir;

import java.time.Instant;
import java.util.Optional;

/**
 * Where a value lies that is too large to carry, and what it must be.
 *
 * @param url absolute, or beginning with "/": then it stands at the address of Weir
 * @param sha256 SHA-256 of the value in hexadecimal
 * @param sizeBytes the size of the value
 * @param expireTime when the link stops working; a fetch after that brings a new one
 */
public record ValueLink(
        String url, String sha256, long sizeBytes, Optional<Instant> expireTime) {}
