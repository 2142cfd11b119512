#ifndef QCC_KERNEL_HOOK_OPS
#define QCC_KERNEL_HOOK_OPS
include "dialects/Kernel/KernelBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

//===-- types -------------------------------------------------------------------------------------------------------------------===//

def Qk_TileType : TypeDef<Qk_Dialect, "Tile"> {
  let mnemonic = "tile";
  let summary = "A register of a matrix unit: rows x columns of i8, bf16, i32 or f32";
  let description = [{ At most 16 rows of 64 bytes, the tile of every matrix unit that qcc knows. `!qk.tile<16x64xi8>`. }];
  let parameters = (ins "int64_t":$rows, "int64_t":$columns, "::mlir::Type":$element);
  let assemblyFormat = "`<` custom<TileShape>($rows, $columns, $element) `>`";
  let genVerifyDecl = 1;
}

def Qk_Bytes : FixedVectorOfRankAndType<[1], [I8]>;
def Qk_Sums : FixedVectorOfRankAndType<[1], [I32]>;
def Qk_Floats : FixedVectorOfRankAndType<[1], [F32]>;

// Every hook has the trait: lowerHooks fails for one that is left.
def Qk_HookTrait : NativeOpTrait<"Hook"> {
  let cppNamespace = "::qcc::qk";
}
class Qk_Hook<string mnemonic, list<Trait> traits = [Pure]> : Qk_Op<mnemonic, !listconcat([Qk_HookTrait], traits)>;

//===-- codes -------------------------------------------------------------------------------------------------------------------===//

def Qk_UnpackOp : Qk_Hook<"unpack", [Pure, AllTypesMatch<["plane", "codes"]>]> {
  let summary = "Take one unit of codes out of a register of a bit plane";
  let description = [{
    Every byte of `plane` holds `8 / bits` fields of `bits` bits; the result's bytes are field `index` (0 = lowest bits), moved to bit `to`:
    `((byte >> index*bits) & (2^bits - 1)) << to`. Codes of 3, 5 or 6 bits are the or of two planes (`to` of the upper one is 2 or 4).
    Example:
      %q = qk.unpack %plane {bits = 4 : i32, index = 1 : i32} : vector<64xi8>
  }];
  let arguments = (ins Qk_Bytes:$plane, ConfinedAttr<I32Attr, [IntPositive, IntMaxValue<8>]>:$bits,
    ConfinedAttr<I32Attr, [IntNonNegative, IntMaxValue<7>]>:$index, DefaultValuedAttr<ConfinedAttr<I32Attr, [IntNonNegative, IntMaxValue<7>]>, "0">:$to);
  let results = (outs Qk_Bytes:$codes);
  let assemblyFormat = "$plane attr-dict `:` type($codes)";
  let hasVerifier = 1;
}

def Qk_Lut16Op : Qk_Hook<"lut16"> {
  let summary = "Look up the low four bits of every element in a table of 16";
  let description = [{
    `result[i] = table[index[i] & 15]`. Elements of the table are i8 (index: bytes) or f32 (index: i32).
    Example:
      %w = qk.lut16 %table, %codes : vector<16xf32>, vector<16xi32> -> vector<16xf32>
  }];
  let arguments = (ins FixedVectorOfLengthAndType<[16], [I8, F32]>:$table, FixedVectorOfRankAndType<[1], [I8, I32]>:$index);
  let results = (outs FixedVectorOfRankAndType<[1], [I8, F32]>:$result);
  let assemblyFormat = "$table `,` $index attr-dict `:` type($table) `,` type($index) `->` type($result)";
  let hasVerifier = 1;
}

//===-- products ----------------------------------------------------------------------------------------------------------------===//

def Qk_Bcast4Op : Qk_Hook<"bcast4"> {
  let summary = "Repeat four bytes in every 32-bit lane";
  let description = [{
    The activations of four consecutive k, against a unit of weights.
    Example:
      %a = qk.bcast4 %four : vector<4xi8> -> vector<64xi8>
  }];
  let arguments = (ins FixedVectorOfLengthAndType<[4], [I8]>:$four);
  let results = (outs Qk_Bytes:$bytes);
  let assemblyFormat = "$four attr-dict `:` type($four) `->` type($bytes)";
}

def Qk_Dot4Op : Qk_Hook<"dot4", [Pure, AllTypesMatch<["acc", "result"]>, AllTypesMatch<["u", "s"]>]> {
  let summary = "acc[i] += sum of four products of an unsigned and a signed byte, exactly";
  let description = [{
    `result[i] = acc[i] + sum over j < 4 of ext(u[4i+j]) * sext(s[4i+j])` in i32, without saturation at any step. `u` is unsigned unless `signed_u`.
    `max` bounds the bytes of an unsigned `u` (15 for 4-bit codes), so that a target may use 16-bit intermediate sums where they are exact. The bytes
    of `s` are in -127..127.
    Example:
      %1 = qk.dot4 %0, %codes, %a {max = 15 : i32} : vector<16xi32>, vector<64xi8>
  }];
  let arguments = (ins Qk_Sums:$acc, Qk_Bytes:$u, Qk_Bytes:$s, DefaultValuedAttr<ConfinedAttr<I32Attr, [IntPositive, IntMaxValue<255>]>, "255">:$max, UnitAttr:$signed_u);
  let results = (outs Qk_Sums:$result);
  let assemblyFormat = "$acc `,` $u `,` $s attr-dict `:` type($acc) `,` type($u)";
  let hasVerifier = 1;
}

def Qk_Dot8x2Op : Qk_Hook<"dot8x2", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "For two rows: acc += sum of eight products of bytes, exactly";
  let description = [{
    `result[2i+j] = acc[2i+j] + sum over k < 8 of ext(u[8i+k]) * sext(s[8j+k])` in i32: column i of eight k each, rows j = 0, 1. `u` is unsigned unless
    `signed_u`. The bytes of `s` are in -127..127.
    Example:
      %1 = qk.dot8x2 %0, %codes, %rows : vector<8xi32>, vector<32xi8>, vector<16xi8>
  }];
  let arguments = (ins Qk_Sums:$acc, Qk_Bytes:$u, FixedVectorOfLengthAndType<[16], [I8]>:$s, UnitAttr:$signed_u);
  let results = (outs Qk_Sums:$result);
  let assemblyFormat = "$acc `,` $u `,` $s attr-dict `:` type($acc) `,` type($u) `,` type($s)";
  let hasVerifier = 1;
}

def Qk_Mac16Op : Qk_Hook<"mac16", [Pure, AllTypesMatch<["acc", "a", "b", "result"]>]> {
  let summary = "acc + a * b, where a and b fit 16 bits and b is not negative";
  let description = [{
    Zero points and integer sub-scales: `-32768 <= a <= 32767`, `0 <= b <= 32767`, so that one multiply-add of 16-bit pairs does it.
    Example:
      %1 = qk.mac16 %0, %sum, %subscale : vector<16xi32>
  }];
  let arguments = (ins Qk_Sums:$acc, Qk_Sums:$a, Qk_Sums:$b);
  let results = (outs Qk_Sums:$result);
  let assemblyFormat = "$acc `,` $a `,` $b attr-dict `:` type($acc)";
}

def Qk_RescaleOp : Qk_Hook<"rescale", [Pure, AllTypesMatch<["scale", "acc", "result"]>]> {
  let summary = "acc + float(sum) * scale, rounded once";
  let description = [{
    The end of a run of an integer product. `sum` rounds to f32 to nearest even (exact below 2^24); one fused multiply-add rounds.
    Example:
      %y1 = qk.rescale %sum, %scale, %y0 : vector<16xi32>, vector<16xf32>
  }];
  let arguments = (ins Qk_Sums:$sum, Qk_Floats:$scale, Qk_Floats:$acc);
  let results = (outs Qk_Floats:$result);
  let assemblyFormat = "$sum `,` $scale `,` $acc attr-dict `:` type($sum) `,` type($acc)";
}

def Qk_Bf16PairOp : Qk_Hook<"bf16_pair", [Pure, AllTypesMatch<["even", "odd"]>]> {
  let summary = "Two vectors of f32, rounded to bf16 and interleaved";
  let description = [{
    `result[2i] = bf16(even[i])`, `result[2i+1] = bf16(odd[i])`: a row of the right-hand tile of `tile_mma`. Rounded to nearest, ties away from
    zero (for the error the same as ties to even, and one addition). Operands are finite, infinite or the quiet NaN 0x7fc00000.
    Example:
      %p = qk.bf16_pair %w0, %w1 : vector<16xf32> -> vector<32xbf16>
  }];
  let arguments = (ins Qk_Floats:$even, Qk_Floats:$odd);
  let results = (outs FixedVectorOfRankAndType<[1], [BF16]>:$pairs);
  let assemblyFormat = "$even `,` $odd attr-dict `:` type($even) `->` type($pairs)";
  let hasVerifier = 1;
}

//===-- lanes ---------------------------------------------------------------------------------------------------------------------===//
// Where the 32-bit lanes of a register are threads of a device that run in step (SpreadLanes), a register's elements are values of its lanes.

def Qk_LaneIdOp : Qk_Hook<"lane_id", [Pure]> {
  let summary = "Number of the calling lane within its register";
  let results = (outs Index:$result);
  let assemblyFormat = "attr-dict";
}

def Qk_SyncLanesOp : Qk_Hook<"sync_lanes", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "Wait for the other lanes; what they wrote before is visible after";
  let assemblyFormat = "attr-dict";
}

// vector's own definition would generate its enums here again.
def Qk_CombiningKind : Attr<CPred<"::llvm::isa<::mlir::vector::CombiningKindAttr>($_self)">, "how numbers are combined"> {
  let storageType = "::mlir::vector::CombiningKindAttr";
  let returnType = "::mlir::vector::CombiningKind";
  let convertFromStorage = "$_self.getValue()";
}
def Qk_ReduceLanesOp : Qk_Hook<"reduce_lanes", [Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "The sum (maximum, ...) of a value of every lane, the same bits in all of them";
  let description = [{
    Every lane of the register takes part. The order of additions depends on the number of lanes only.
    Example:
      %s = qk.reduce_lanes #vector.kind<add>, %x : f32
  }];
  let arguments = (ins Qk_CombiningKind:$kind, AnyTypeOf<[I32, F32]>:$value);
  let results = (outs AnyTypeOf<[I32, F32]>:$result);
  let assemblyFormat = "$kind `,` $value attr-dict `:` type($value)";
}

def Qk_LaneMmaOp : Qk_Hook<"lane_mma", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "acc += lhs * rhs of tiles of bytes, 16 x 32 and 32 x 8, of which every lane of 32 has a part";
  let description = [{
    Words are four bytes of consecutive k. Lane l = 4 r + c has of `lhs` rows r, r + 8 at k = 4 c.., then the same at k = 16 + 4 c..; of `rhs` column r at
    the same k; of `acc` row r, then row r + 8, at columns 2 c and 2 c + 1. All lanes take part. Bytes are signed, those of `rhs` not with
    `unsigned_rhs`; sums are exact.
    Example:
      %c1 = qk.lane_mma %c0, %a, %b : vector<4xi32>, vector<4xi32>, vector<2xi32>
  }];
  let arguments = (ins FixedVectorOfLengthAndType<[4], [I32]>:$acc, FixedVectorOfLengthAndType<[4], [I32]>:$lhs, FixedVectorOfLengthAndType<[2], [I32]>:$rhs,
    UnitAttr:$unsigned_rhs);
  let results = (outs FixedVectorOfLengthAndType<[4], [I32]>:$result);
  let assemblyFormat = "$acc `,` $lhs `,` $rhs attr-dict `:` type($acc) `,` type($lhs) `,` type($rhs)";
}

def Qk_LaneMmaHalfOp : Qk_Hook<"lane_mma_half", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "acc += lhs * rhs of tiles of f16, 16 x 16 and 16 x 8, of which every lane of 32 has a part";
  let description = [{
    Words are two f16 of consecutive k, the first one low. Lane l = 4 r + c has of `lhs` rows r, r + 8 at k = 2 c.., then the same at k = 8 + 2 c..; of `rhs`
    column r at the same k; of `acc` row r, then row r + 8, at columns 2 c and 2 c + 1. All lanes take part. Products are exact, sums f32 in the unit's order.
    Example:
      %c1 = qk.lane_mma_half %c0, %a, %b : vector<4xf32>, vector<4xi32>, vector<2xi32>
  }];
  let arguments = (ins FixedVectorOfLengthAndType<[4], [F32]>:$acc, FixedVectorOfLengthAndType<[4], [I32]>:$lhs, FixedVectorOfLengthAndType<[2], [I32]>:$rhs);
  let results = (outs FixedVectorOfLengthAndType<[4], [F32]>:$result);
  let assemblyFormat = "$acc `,` $lhs `,` $rhs attr-dict `:` type($acc) `,` type($lhs) `,` type($rhs)";
}

def Qk_SwapLanesOp : Qk_Hook<"swap_lanes", [Pure, AllTypesMatch<["value", "result"]>]> {
  let summary = "The value of the lane whose number differs in the bits of `distance`";
  let description = [{
    All lanes take part. Example:
      %other = qk.swap_lanes %x, 2 : f32
  }];
  let arguments = (ins F32:$value, I64Attr:$distance);
  let results = (outs F32:$result);
  let assemblyFormat = "$value `,` $distance attr-dict `:` type($value)";
}

def Qk_TeamMmaOp : Qk_Hook<"team_mma", [AttrSizedOperandSegments]> {
  let summary = "acc += lhs * rhs of tiles of bytes, 64 x K and K x columns, for a team of four registers";
  let description = [{
    Every operand but `rhs` is a lane's own part: thread t of the team has rows 16 t.. of `lhs` and `acc`, spread over its 32 lanes as `qk.lane_mma` has them,
    `lhs` one vector for each 32 k, `acc` one for each eight columns. `rhs` is team memory: pieces of 16 k of eight columns, 128 bytes each, the next 16 k
    `k_stride` bytes behind, the next eight columns `column_stride`; all are multiples of 16. All lanes of the team take part; what they
    stored is visible after a `qk.team_barrier` with `tiles`. Bytes are signed, sums exact.
    Example:
      %c1 = qk.team_mma (%c0 : vector<4xi32>), (%a), %rows[%at] {k_stride = 144 : i64, column_stride = 288 : i64}
        : (vector<4xi32>), memref<?xi8> -> (vector<4xi32>)
  }];
  let arguments = (ins Variadic<FixedVectorOfLengthAndType<[4], [I32]>>:$acc, Variadic<FixedVectorOfLengthAndType<[4], [I32]>>:$lhs,
    Arg<MemRefRankOf<[I8], [1]>, "", [MemRead]>:$rhs, Index:$at, I64Attr:$k_stride, I64Attr:$column_stride);
  let results = (outs Variadic<FixedVectorOfLengthAndType<[4], [I32]>>:$result);
  let assemblyFormat = "`(` $acc `:` type($acc) `)` `,` `(` $lhs `)` `,` $rhs `[` $at `]` attr-dict `:` `(` type($lhs) `)` `,` type($rhs) `->` `(` type($result) `)`";
  let hasVerifier = 1;
}

//===-- matrix tiles ------------------------------------------------------------------------------------------------------------===//

def Qk_TileZeroOp : Qk_Hook<"tile_zero"> {
  let summary = "A tile of zeros";
  let results = (outs Qk_TileType:$tile);
  let assemblyFormat = "attr-dict `:` type($tile)";
}

def Qk_TileLoadOp : Qk_Hook<"tile_load", []> {
  let summary = "Load a tile whose rows lie `stride` elements apart";
  let description = [{
    `streaming`: what is loaded is not needed again soon; caches may keep other lines instead.
    Example:
      %t = qk.tile_load %a[%at], %stride : memref<?xi8> -> !qk.tile<16x64xi8>
  }];
  let arguments = (ins Arg<MemRefRankOf<[AnyType], [1]>, "", [MemRead]>:$base, Index:$at, Index:$stride, UnitAttr:$streaming);
  let results = (outs Qk_TileType:$tile);
  let assemblyFormat = "$base `[` $at `]` `,` $stride attr-dict `:` type($base) `->` type($tile)";
}

def Qk_TileStoreOp : Qk_Hook<"tile_store", []> {
  let summary = "Store a tile with rows `stride` elements apart";
  let arguments = (ins Qk_TileType:$tile, Arg<MemRefRankOf<[AnyType], [1]>, "", [MemWrite]>:$base, Index:$at, Index:$stride);
  let assemblyFormat = "$tile `,` $base `[` $at `]` `,` $stride attr-dict `:` type($tile) `,` type($base)";
}

def Qk_TileMmaOp : Qk_Hook<"tile_mma", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "acc += lhs * rhs of tiles";
  let description = [{
    `lhs` is rows x K (row major). `rhs` holds K x columns in the order of units: row k/4, then column, then k%4 for bytes (k/2 and k%2 for
    bf16). i8 tiles are signed unless `unsigned_rhs`; sums are i32, exact. bf16 sums are f32.
    Example:
      %c1 = qk.tile_mma %c0, %a, %b : !qk.tile<16x16xi32>, !qk.tile<16x64xi8>, !qk.tile<16x64xi8>
  }];
  let arguments = (ins Qk_TileType:$acc, Qk_TileType:$lhs, Qk_TileType:$rhs, UnitAttr:$unsigned_rhs);
  let results = (outs Qk_TileType:$result);
  let assemblyFormat = "$acc `,` $lhs `,` $rhs attr-dict `:` type($acc) `,` type($lhs) `,` type($rhs)";
  let hasVerifier = 1;
}
#endif
