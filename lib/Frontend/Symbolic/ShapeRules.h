// The operators whose results have dimensions that follow from their operands.
#ifndef QCC_LIB_FRONTEND_SYMBOLIC_SHAPERULES_H
#define QCC_LIB_FRONTEND_SYMBOLIC_SHAPERULES_H
#include "lib/Frontend/Symbolic/Elements.h"
namespace qcc::frontend {
/// The rule of one operator. Fills `out`; false when the shape does not follow from what is known.
using ShapeRule = bool (*)(Elements &, onnx::NodeOp, unsigned output, Elements::Shape &out);
/// Null where there is none. Domains have operators of the same name with other operands.
ShapeRule shapeRuleFor(llvm::StringRef domain, llvm::StringRef op);
} // namespace qcc::frontend
#endif
