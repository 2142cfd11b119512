// Facts about a target that the target-neutral stages may ask for. Plain data: a fact that is missing here is added here,
// never asked for by a target's name.
#ifndef QCC_BASE_TARGETINFO_H
#define QCC_BASE_TARGETINFO_H
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <string>
#include <utility>
#include <vector>
namespace qcc {

/// What a device that runs kernels must have; the runtime asks its driver.
struct DeviceNeeds {
  unsigned capability = 0;       // 10 * major + minor of the device's generation
  bool exact = false;            // that generation alone, not later ones
  unsigned driver = 0;           // version of the driver's interface: 1000 * major + 10 * minor
};

/// One set of instructions that code is generated for. A preset has a floor and may carry faster versions above it.
struct TargetVersion {
  std::string name;              // also the suffix of its functions: avx512, avx512vnni, amx
  std::string cpu;               // LLVM's -mcpu
  std::string features;          // LLVM's -mattr
  std::vector<std::pair<std::string, std::string>> functionAttributes;  // further ones that LLVM's code generator reads: name, value
  /// LLVM's pass of that name. It gives every address of a loop a variable of its own, which has to be counted; where addresses of a base and an
  /// index are free, that costs more than it saves.
  bool reduceLoopStrength = true;
  unsigned minOptLevel = 0;                            ///< What -O gives at least: some code needs an optimizing code generator.
  uint64_t runtimeFeatures = 0;  // QCC_CPU_* bits that the runtime must find
  unsigned vectorBits = 512;     // of one register
  /// Registers may be longer than vectorBits, which is so many times the least that the instructions allow (LLVM's vscale). 0: they are not.
  unsigned leastScale = 0;
  unsigned numVectorRegisters = 32;
  bool dot4 = false;             // u8 x s8 products of 4 summed into i32 in one instruction
  unsigned dot4Chains = 8;       // independent sums that hide its latency
  bool laneBroadcast = false;    // products take one lane of a register as a factor: broadcasting from memory costs more
  bool rowsTogether = false;     // and so the activations of four rows lie together for long products: a register then has some of each
  bool selects16Floats = false;  // one instruction reads a table of 16 floats for all lanes: costs less than to convert codes of 4 bits
  bool signedDot4 = false;       // the same instruction takes s8 x s8
  bool slowConversion = false;   // i32 to f32 takes as long as several products: sums start as the bits of 1.5 * 2^23, from which floats subtract
  bool dot8x2 = false;           // u8 x s8 products of 8, for two columns and two rows in one instruction
  bool tileInt8 = false, tileBf16 = false;  // matrix unit: 16 rows x 64 bytes
  /// k that int8 tiles must sum between two f32 rescalings for kernels to prefer them to dot4 (MatmulTiles.cpp says why).
  int64_t tileInt8MinK = 64;
  /// Rows of a long product's results are an odd number of 64-byte lines apart (by padding), so that those of one column lie in as many cache sets as
  /// there are: what a matrix unit writes in a short time would else push itself out.
  bool oddRows = false;
  int64_t l1Bytes = 32 << 10, l2Bytes = 1 << 20;
  /// Threads that share memory and can wait for each other inside a kernel, so that they divide one sum; 1: none.
  unsigned teamThreads = 1;
  /// Teams that can wait for each other and reach the memory of the first of them, so that they divide one sum; 1: none.
  unsigned clusterTeams = 1;
  /// Threads that a product of few rows should keep busy, of all teams together: where its panels are few, teams are larger, up to twice teamThreads,
  /// and where K is short, half as large. 0: all are alike.
  unsigned busyThreads = 0;
  /// Columns of a row that every team which multiplies it may make for itself, since that takes less time than a step does; 0: never.
  unsigned repeatColumns = 0;
  unsigned shareColumns = 256;   // of a row, that a thread takes at least: fewer where threads are so many that a row should keep them busy
  int64_t shareRows = 0;         // of a long product, that a thread takes at most; 0: all, as threads divide columns
  bool shuffles = true;          // elements of a register change places in an instruction; false where lanes are threads
  bool laneMma = false;          // products of tiles of i8 and of f16 whose operands are registers of 32 lanes (qk.lane_mma, qk.lane_mma_half)
  unsigned teamMma = 0;          // threads of a team that multiply such tiles together, 16 rows each (qk.team_mma); 0: none
  bool overlapsSteps = false;    // a step may start while the one before it ends, and waits for it itself
  DeviceNeeds device;            // of targets that are devices
};

/// A preset: `--target=<name>`.
struct TargetInfo {
  std::string name, triple, description;
  unsigned panelLanes = 16;      // columns of a packed weight panel, one or several registers of i32; the same for all versions
  std::vector<TargetVersion> versions;  // best first; the last one is the floor
  /// Kernels run on a device, and this is the machine that it belongs to: LLVM's triple and CPU of what launches them. Empty: kernels run on the CPU
  /// of `triple`.
  std::string hostTriple = {}, hostCpu = {};
  bool isDevice() const { return !hostTriple.empty(); }
  /// Of the CPU that opens the model: what libraries are linked for.
  const std::string &linkedTriple() const { return isDevice() ? hostTriple : triple; }
};
} // namespace qcc
#endif
