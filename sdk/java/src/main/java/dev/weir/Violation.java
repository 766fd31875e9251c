package dev.weir;

/**
 * One fault at one place of a request or document.
 *
 * @param field the place: a path into the request or document
 * @param description what is wrong there, and how to mend it
 */
public record Violation(String field, String description) {}
