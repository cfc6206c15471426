const SENTENCE = 'The quick brown fox jumps over the lazy dog. ';

/**
 * Text of so many bytes that stands in JSON as it is; upstream and client make it alike.
 * @param {number} bytes
 */
export function fillText(bytes) {
  return SENTENCE.repeat(Math.ceil(bytes / SENTENCE.length)).slice(0, bytes);
}
