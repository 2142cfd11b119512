// A plugin of qemu-user (7.2 and later) that counts the instructions a program runs, of all its threads:
//   cc -O2 -shared -fPIC count_instructions.c -o count.so && qemu-aarch64 -plugin ./count.so -L <root of libc> PROGRAM ..
// Prints "N instructions" when the program ends. Threads that spin while they wait are counted too: give the program one thread. The functions are
// declared here, as qemu-plugin.h (QEMU's include/qemu) is not packaged everywhere.
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t PluginId;
struct qemu_plugin_tb;                                 // a block of code, as it is translated
enum { addImmediate = 0 };                             // QEMU_PLUGIN_INLINE_ADD_U64
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *block);
void qemu_plugin_register_vcpu_tb_trans_cb(PluginId id, void (*translated)(PluginId, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *block, int operation, void *counter, uint64_t by);
void qemu_plugin_register_atexit_cb(PluginId id, void (*ends)(PluginId, void *), void *data);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
static uint64_t count;

static void translated(PluginId id, struct qemu_plugin_tb *block) {
  (void)id;
  qemu_plugin_register_vcpu_tb_exec_inline(block, addImmediate, &count, qemu_plugin_tb_n_insns(block));
}

static void ends(PluginId id, void *data) {
  (void)id, (void)data;
  fprintf(stderr, "%" PRIu64 " instructions\n", count);
}

__attribute__((visibility("default"))) int qemu_plugin_install(PluginId id, const void *info, int argc, char **argv) {
  (void)info, (void)argc, (void)argv;
  qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
  qemu_plugin_register_atexit_cb(id, ends, NULL);
  return 0;
}
