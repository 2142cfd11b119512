// Registration of the qnt dialect.
#include "dialects/Quant/Quant.h"
using namespace qcc::qnt;
#include "dialects/Quant/QuantDialect.cpp.inc"
#include "dialects/Quant/QuantInterfaces.cpp.inc"

void QntDialect::initialize() {
  registerTypesAndAttributes();
  addOperations<
#define GET_OP_LIST
#include "dialects/Quant/QuantOps.cpp.inc"
      >();
}
