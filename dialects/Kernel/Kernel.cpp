// Registration of the qk dialect.
#include "dialects/Kernel/Kernel.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"
using namespace mlir;
using namespace qcc::qk;
#include "dialects/Kernel/KernelDialect.cpp.inc"
#include "dialects/Kernel/KernelEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Kernel/KernelAttrs.cpp.inc"
// `16x64xi8`: the dimension list parser of MLIR stops at the element type, as in vector types.
static ParseResult parseTileShape(AsmParser &parser, int64_t &rows, int64_t &columns, Type &element) {
  SmallVector<int64_t, 2> dims;
  if (parser.parseDimensionList(dims, /*allowDynamic=*/false, /*withTrailingX=*/true) || parser.parseType(element))
    return failure();
  if (dims.size() != 2)
    return parser.emitError(parser.getCurrentLocation(), "a tile has rows and columns");
  rows = dims[0];
  columns = dims[1];
  return success();
}
static void printTileShape(AsmPrinter &printer, int64_t rows, int64_t columns, Type element) { printer << rows << 'x' << columns << 'x' << element; }

#define GET_TYPEDEF_CLASSES
#include "dialects/Kernel/KernelTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Kernel/KernelOps.cpp.inc"

LogicalResult TileType::verify(function_ref<InFlightDiagnostic()> emitError, int64_t rows, int64_t columns, Type element) {
  if (!element.isInteger(8) && !element.isInteger(32) && !element.isBF16() && !element.isF32())
    return emitError() << "a tile holds i8, bf16, i32 or f32, not " << element;
  if (rows < 1 || rows > 16)
    return emitError() << "a tile has 1 to 16 rows, not " << rows;
  int64_t bytes = columns * element.getIntOrFloatBitWidth() / 8;
  if (columns < 1 || bytes > 64 || bytes % 4)
    return emitError() << "a row of a tile has 4 to 64 bytes in steps of 4, not " << bytes;
  return success();
}

void QkDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Kernel/KernelTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Kernel/KernelAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Kernel/KernelOps.cpp.inc"
      >();
}
