// qcc-opt: mlir-opt with qcc's dialects, passes and pipelines; loads pass and dialect plugins. For tests and for people who write passes.
#include "qcc/Compiler/Registration.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  qcc::registerEverything(registry);
  return mlir::asMainReturnCode(mlir::MlirOptMain(argc, argv, "qcc-opt: runs qcc's passes on MLIR text\n", registry));
}
