/* The floor for the bench `tree`: the same tree from leaf hashes, level by level, with OpenSSL's SHA-256 (SHA-NI where
   there is).  Arguments: leaves, rounds.  Prints the seconds of each round, and on the last line the root. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void) {
  struct timespec at;
  clock_gettime(CLOCK_MONOTONIC, &at);
  return at.tv_sec + at.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  size_t leaves = strtoul(arguments[1], NULL, 10), rounds = strtoul(arguments[2], NULL, 10);
  unsigned char *first = malloc(leaves * 32), *level = malloc(leaves * 32);
  if (first == NULL || level == NULL || fread(first, 32, leaves, stdin) != leaves) return 1;
  for (size_t round = 0; round < rounds; round++) {
    double begin = now();
    memcpy(level, first, leaves * 32);
    for (size_t size = leaves; size > 1; size = size / 2 + size % 2) {
      for (size_t pair = 0; pair < size / 2; pair++) {
        SHA256_CTX hash;
        SHA256_Init(&hash);
        SHA256_Update(&hash, "\1", 1);
        SHA256_Update(&hash, level + 64 * pair, 64);
        SHA256_Final(level + 32 * pair, &hash);
      }
      if (size % 2) memmove(level + 32 * (size / 2), level + 32 * (size - 1), 32);
    }
    printf("%.9f\n", now() - begin);
  }
  for (int at = 0; at < 32; at++) printf("%02x", level[at]);
  printf("\n");
  return 0;
}
