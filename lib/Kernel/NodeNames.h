// The ONNX nodes that an operation comes from.
#ifndef QCC_LIB_KERNEL_NODENAMES_H
#define QCC_LIB_KERNEL_NODENAMES_H
#include "mlir/IR/Location.h"
#include <string>
namespace qcc {
/// The ONNX nodes of a location as one name, empty when it has none; the frontend and the passes that fuse operations make its structure.
std::string nodesOf(mlir::Location loc);
} // namespace qcc
#endif
