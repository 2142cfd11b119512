// The llvm stage of devices: programs become lists of launches, kernels the functions of an image.
#ifndef QCC_LIB_COMPILER_DEVICEBACKEND_H
#define QCC_LIB_COMPILER_DEVICEBACKEND_H
#include "qcc/Target/ProgramTable.h"
#include "qcc/Target/Target.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <map>
namespace qcc {
class PassRunner;

/// What the program table says of a device's version.
struct DeviceProgram {
  std::vector<ProgramKernel> kernels;
  std::map<std::string, std::vector<ProgramLaunch>> launches;  // by entry: decode, short, long
};

/// The functions of sizes of a program after the kernel stage: what runs on the machine that the device belongs to.
mlir::OwningOpRef<mlir::ModuleOp> takeSizes(mlir::ModuleOp program);

/// From the kernel stage to kernels in the LLVM dialect, in place. Fails after a diagnostic.
mlir::LogicalResult runDeviceStage(mlir::ModuleOp module, PassRunner &runner, const Target &family, const TargetVersion &version, DeviceProgram &program);

} // namespace qcc
#endif
