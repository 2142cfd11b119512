/* Generates token ids with a language model that qcc compiled. Build and run:
 *
 *   qcc model.onnx --wbits=4 -o model.so            writes model.so, model.weights and model.h
 *   gcc -Wall -Werror -I. generate.c ./model.so -Wl,-rpath,'$ORIGIN' -o generate
 *   ./generate 20 1 15 27                           20 tokens after the prompt 1 15 27
 */
#include "model.h"
#include <stdio.h>
#include <stdlib.h>

/* Called after each step, so that text can be shown as it comes. Return 1 to stop, for instance at an end-of-text token. */
static int show(void *user, const int64_t *token) {
  (void)user;
  printf("%lld ", (long long)*token);
  fflush(stdout);
  return 0;
}

static int fail(const qcc_model *model) {
  fprintf(stderr, "generate: %s\n", qcc_error(model));
  return 1;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: generate COUNT TOKEN...\n");
    return 2;
  }
  int64_t count = atoll(argv[1]), length = argc - 2, produced = 0;
  int64_t *prompt = calloc((size_t)length, sizeof *prompt), *out = calloc(count > 0 ? (size_t)count : 1, sizeof *out);
  if (!prompt || !out)
    return 1;
  for (int64_t i = 0; i < length; i++)
    prompt[i] = atoll(argv[2 + i]);

  qcc_options options = {.size = sizeof options, .threads = 2};
  qcc_model *model = NULL;
  qcc_session *session = NULL;
  int code = 1;
  if (qcc_open(&options, &model) != QCC_OK || qcc_session_open(model, NULL, &session) != QCC_OK) {
    code = fail(model);
  } else if (qcc_session_generate(session, prompt, length, count, out, &produced, show, NULL) != QCC_OK) {
    code = fail(model);
  } else {
    printf("\n");
    code = 0;
  }
  qcc_session_close(session);
  qcc_close(model);
  free(out);
  free(prompt);
  return code;
}
