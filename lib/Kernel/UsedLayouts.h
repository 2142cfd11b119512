// Which layouts the uses of a weight ask for.
#ifndef QCC_LIB_KERNEL_USEDLAYOUTS_H
#define QCC_LIB_KERNEL_USEDLAYOUTS_H
#include "dialects/Quant/Quant.h"
namespace qcc {
using qnt::WeightLayout;

/// The layout that this use reads; a call's use is that of the callee's argument (if its uses differ: Plain, which fits none of them but
/// plain reads; `mixed` is set).
WeightLayout layoutOfUse(mlir::OpOperand &use, bool &mixed);
/// The one layout that all uses of `value` read (Plain when there are none).
WeightLayout layoutOfUses(mlir::Value value, bool &mixed);
} // namespace qcc
#endif
