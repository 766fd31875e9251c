/** What the packages of the SDK share. Not for users: it changes without notice. */
package dev.weir.internal;
