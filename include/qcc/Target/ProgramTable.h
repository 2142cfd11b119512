// The tables that the runtime finds in an artifact: `qcc_program_data` of qcc/Runtime/Program.h, as constants of an LLVM module.
#ifndef QCC_TARGET_PROGRAMTABLE_H
#define QCC_TARGET_PROGRAMTABLE_H
#include "qcc/Runtime/Program.h"
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>
namespace llvm {
class LLVMContext;
class Module;
class TargetMachine;
} // namespace llvm
namespace qcc {

struct ProgramDim {
  std::string name;
  int64_t fixed = 0;               // its only extent, or 0
  std::string value;               // symbol: int64_t(const int64_t *); empty: the caller tells it
};
struct ProgramEqualDims {
  int64_t left, right;             // as in a port's shape
  std::string node;
};
struct ProgramPort {
  std::string name;
  int32_t code = QCC_DTYPE_FLOAT, bits = 32, role = QCC_ROLE_NONE;
  std::vector<int64_t> shape;      // >= 0: extent; < 0: -1 - index into dims
};
struct ProgramLaunch {
  int64_t kernel;                  // index in the device's kernels
  std::vector<int64_t> params;
};
struct ProgramKernel {
  std::string name;
  int64_t threads = 0, scratchBytes = 0, numParams = 0;
  bool waits = false;
  int64_t shares = 0, cluster = 1;
};
struct ProgramDevice {
  std::string image;               // path of what the driver loads, embedded as it is (PTX with a null behind it)
  int64_t capability = 0, exact = 0, driver = 0;
  std::vector<ProgramKernel> kernels;
  std::string binary = {};         // path of the image's machine code, embedded too; empty: none
};
struct ProgramEntry {
  std::string name;
  int64_t minRows, maxRows;
  std::string run, arenaBytes;     // symbols: void(const qcc_invocation *, int64_t), int64_t(const int64_t *)
  std::vector<ProgramLaunch> launches = {};
};
struct ProgramRegion {
  std::string kernels, nodes;
  int64_t weightBytes = 0, macs = 0;
  std::vector<int64_t> rows;       // as a port's shape
};
struct ProgramVariant {
  std::string name;
  uint64_t features;
  std::vector<ProgramEntry> entries;
  std::vector<ProgramRegion> regions;
  std::optional<ProgramDevice> device = std::nullopt;
};
struct ProgramDescription {
  bool hasState = false;
  std::vector<ProgramPort> inputs, outputs;
  std::vector<ProgramDim> dims;
  std::vector<ProgramEqualDims> equalDims;
  std::vector<ProgramVariant> variants;   // best first
  std::string stateBytes;                 // symbol, or empty
  int64_t maxContext = 0, vocabulary = 0, weightsBytes = 0, decodeBytes = 0;
  std::array<uint8_t, 32> weightsId{};
  std::string embeddedWeights;            // path of a whole weights file to embed, or empty
  std::string manifest;
};

/// A module that defines qcc_program_data (hidden) and refers to the entries' symbols.
std::unique_ptr<llvm::Module> buildProgramTable(const ProgramDescription &program, llvm::LLVMContext &context, llvm::TargetMachine &machine);

} // namespace qcc
#endif
