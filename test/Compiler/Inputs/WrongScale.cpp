// A plugin that damages what was just built: it doubles the first scale of one weight, in the weights file that the program is about to be made for.
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Tools/Plugins/PassPlugin.h"
#include "llvm/Config/llvm-config.h"
#include "qcc/Runtime/WeightsFile.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cstdio>
#include <cstring>
using namespace mlir;

namespace {
/// For 16-bit float scales that lie at the beginning of a panel (int4 in groups).
struct WrongScale : PassWrapper<WrongScale, OperationPass<ModuleOp>> {
  WrongScale() = default;
  WrongScale(const WrongScale &other) : PassWrapper(other) {}
  StringRef getArgument() const final { return "test-wrong-scale"; }
  StringRef getName() const final { return "test-wrong-scale"; }

  void runOnOperation() override {
    static bool done = false;                          // the stage runs for every version, and again to verify
    if (done)
      return;
    done = true;
    std::string path = temporary();
    auto file = llvm::MemoryBuffer::getFile(path);
    uint64_t place = file ? placeOf(**file) : 0;
    FILE *f = place ? fopen(path.c_str(), "r+b") : nullptr;
    if (!f) {
      getOperation().emitError("finds no '") << section << "' to damage";
      return signalPassFailure();
    }
    uint16_t scale = 0;
    memcpy(&scale, (*file)->getBufferStart() + place, 2);
    scale += 1 << 10;                                  // the exponent
    fseek(f, long(place), SEEK_SET);
    fwrite(&scale, 2, 1, f);
    fclose(f);
  }

  /// Where the section begins, or 0.
  uint64_t placeOf(const llvm::MemoryBuffer &file) const {
    qcc_weights_header header;
    memcpy(&header, file.getBufferStart(), sizeof header);
    const char *table = file.getBufferStart() + header.table_offset;
    for (uint32_t i = 0; i < header.num_sections; ++i) {
      qcc_weights_section one;
      memcpy(&one, table + i * sizeof one, sizeof one);
      if (StringRef(table + one.name_offset, one.name_bytes) == section)
        return header.data_offset + one.offset;
    }
    return 0;
  }

  /// The weights file under the name that it has until it is complete.
  std::string temporary() const {
    std::error_code code;
    for (llvm::sys::fs::directory_iterator at(folder, code), end; at != end && !code; at.increment(code))
      if (StringRef name = llvm::sys::path::filename(at->path()); name.contains(".weights.") && name.ends_with(".tmp"))
        return at->path();
    return "";
  }

  Option<std::string> section{*this, "section", llvm::cl::desc("of the weights file")};
  Option<std::string> folder{*this, "folder", llvm::cl::desc("of the output")};
};
} // namespace

extern "C" LLVM_ATTRIBUTE_WEAK PassPluginLibraryInfo mlirGetPassPluginInfo() {
  return {MLIR_PLUGIN_API_VERSION, "WrongScale", LLVM_VERSION_STRING, [] { PassRegistration<WrongScale>(); }};
}
