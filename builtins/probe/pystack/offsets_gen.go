// Code generated from gen/rows by go test -run OffsetsTable -update-offsets; DO NOT EDIT.

package pystack

// offsets of one minor version, in bytes, on LP64. Rt is _PyRuntimeState, In
// PyInterpreterState, Ts PyThreadState, Cf _PyCFrame, Fr the frame, Co
// PyCodeObject, Gen PyGenObject, Tp PyTypeObject, Ht PyHeapTypeObject, Uni
// PyUnicodeObject; St the states of a frame; Dbg the same in _Py_DebugOffsets.
// 0: this version has none.
type offsets struct {
	RtInterpHead    uint64
	InNext          uint64
	InThreads       uint64
	InModules       uint64
	RtTstateCurrent uint64
	TsNext          uint64
	TsInterp        uint64
	TsThreadID      uint64
	TsFrame         uint64
	FrBack          uint64
	FrLocals        uint64
	FrCode          uint64
	FrInstr         uint64
	FrValueStack    uint64
	FrStack         uint64
	FrState         uint64
	GenFrame        uint64
	CoFilename      uint64
	CoName          uint64
	CoFirst         uint64
	CoCode          uint64
	CoVarnames      uint64
	CoCellvars      uint64
	CoFreevars      uint64
	CoLines         uint64
	HtCached        uint64
	TpName          uint64
	TpBasic         uint64
	TpFlags         uint64
	TpDict          uint64
	TpDictOff       uint64
	TpMro           uint64
	DictKeys        uint64
	DictValues      uint64
	UniLen          uint64
	UniState        uint64
	UniAscii        uint64
	UniCompact      uint64
	BytesVal        uint64
	TupItems        uint64
	StCreated       uint64
	StExec          uint64
	TsNative        uint64
	TsCframe        uint64
	CfFrame         uint64
	FrOwner         uint64
	GenState        uint64
	CoQualname      uint64
	InCevalGil      uint64
	GilHolder       uint64
	GilLocked       uint64
	StYieldFrom     uint64
	DbgRtInterpHead uint64
	DbgInNext       uint64
	DbgInThreads    uint64
	DbgInModules    uint64
	DbgGilHolder    uint64
	DbgGilLocked    uint64
	DbgTsNext       uint64
	DbgTsInterp     uint64
	DbgTsFrame      uint64
	DbgTsThreadID   uint64
	DbgTsNative     uint64
	DbgFrBack       uint64
	DbgFrCode       uint64
	DbgFrInstr      uint64
	DbgFrLocals     uint64
	DbgFrOwner      uint64
	DbgCoFilename   uint64
	DbgCoName       uint64
	DbgCoQualname   uint64
	DbgCoLines      uint64
	DbgCoFirst      uint64
	DbgCoCode       uint64
	DbgCoVarnames   uint64
	DbgTpName       uint64
	DbgTpFlags      uint64
	DbgDictKeys     uint64
	DbgDictValues   uint64
	DbgUniLen       uint64
	DbgUniState     uint64
	DbgUniAscii     uint64
	DbgBytesVal     uint64
	DbgTupItems     uint64
	DbgSize         uint64
	DbgFrStack      uint64
	DbgGenFrame     uint64
	DbgGenState     uint64
}

// tables has a row for each PY_VERSION_HEX>>16, of the headers of that version.
var tables = map[uint32]*offsets{
	// CPython 3.8.18, LP64 little-endian
	0x308: {RtInterpHead: 32, InNext: 0, InThreads: 8, InModules: 56, RtTstateCurrent: 1368, TsNext: 8, TsInterp: 16, TsThreadID: 176, TsFrame: 24, FrBack: 24, FrLocals: 360, FrCode: 32, FrInstr: 104, FrValueStack: 64, FrStack: 72, FrState: 116, GenFrame: 16, CoFilename: 104, CoName: 112, CoFirst: 40, CoCode: 48, CoVarnames: 72, CoCellvars: 88, CoFreevars: 80, CoLines: 120, HtCached: 872, TpName: 24, TpBasic: 32, TpFlags: 168, TpDict: 264, TpDictOff: 288, TpMro: 344, DictKeys: 32, DictValues: 40, UniLen: 16, UniState: 32, UniAscii: 48, UniCompact: 72, BytesVal: 32, TupItems: 24},
	// CPython 3.9.18, LP64 little-endian
	0x309: {RtInterpHead: 32, InNext: 0, InThreads: 8, InModules: 856, RtTstateCurrent: 568, TsNext: 8, TsInterp: 16, TsThreadID: 176, TsFrame: 24, FrBack: 24, FrLocals: 360, FrCode: 32, FrInstr: 104, FrValueStack: 64, FrStack: 72, FrState: 116, GenFrame: 16, CoFilename: 104, CoName: 112, CoFirst: 40, CoCode: 48, CoVarnames: 72, CoCellvars: 88, CoFreevars: 80, CoLines: 120, HtCached: 864, TpName: 24, TpBasic: 32, TpFlags: 168, TpDict: 264, TpDictOff: 288, TpMro: 344, DictKeys: 32, DictValues: 40, UniLen: 16, UniState: 32, UniAscii: 48, UniCompact: 72, BytesVal: 32, TupItems: 24},
	// CPython 3.10.13, LP64 little-endian
	0x30a: {RtInterpHead: 32, InNext: 0, InThreads: 8, InModules: 856, RtTstateCurrent: 568, TsNext: 8, TsInterp: 16, TsThreadID: 176, TsFrame: 24, FrBack: 24, FrLocals: 352, FrCode: 32, FrInstr: 96, FrValueStack: 64, FrStack: 80, FrState: 108, GenFrame: 16, StCreated: 254, StExec: 0, CoFilename: 104, CoName: 112, CoFirst: 40, CoCode: 48, CoVarnames: 72, CoCellvars: 88, CoFreevars: 80, CoLines: 120, HtCached: 872, TpName: 24, TpBasic: 32, TpFlags: 168, TpDict: 264, TpDictOff: 288, TpMro: 344, DictKeys: 32, DictValues: 40, UniLen: 16, UniState: 32, UniAscii: 48, UniCompact: 72, BytesVal: 32, TupItems: 24},
	// CPython 3.11.7, LP64 little-endian
	0x30b: {RtInterpHead: 40, InNext: 0, InThreads: 16, InModules: 888, RtTstateCurrent: 576, TsNext: 8, TsInterp: 16, TsThreadID: 152, TsNative: 160, TsCframe: 56, CfFrame: 8, FrBack: 48, FrLocals: 72, FrOwner: 69, FrCode: 32, FrInstr: 56, FrStack: 64, GenFrame: 80, GenState: 75, StCreated: 254, StExec: 0, CoFilename: 112, CoName: 120, CoFirst: 72, CoQualname: 128, CoCode: 184, CoVarnames: 96, CoLines: 136, HtCached: 872, TpName: 24, TpBasic: 32, TpFlags: 168, TpDict: 264, TpDictOff: 288, TpMro: 344, DictKeys: 32, DictValues: 40, UniLen: 16, UniState: 32, UniAscii: 48, UniCompact: 72, BytesVal: 32, TupItems: 24},
	// CPython 3.12.1, LP64 little-endian
	0x30c: {RtInterpHead: 40, InNext: 0, InThreads: 72, InModules: 944, InCevalGil: 384, GilHolder: 8, GilLocked: 16, TsNext: 8, TsInterp: 16, TsThreadID: 136, TsNative: 144, TsCframe: 56, CfFrame: 0, FrBack: 8, FrLocals: 72, FrOwner: 70, FrCode: 0, FrInstr: 56, FrStack: 64, GenFrame: 72, GenState: 67, StCreated: 254, StExec: 0, CoFilename: 112, CoName: 120, CoFirst: 68, CoQualname: 128, CoCode: 192, CoVarnames: 96, CoLines: 136, HtCached: 880, TpName: 24, TpBasic: 32, TpFlags: 168, TpDict: 264, TpDictOff: 288, TpMro: 344, DictKeys: 32, DictValues: 40, UniLen: 16, UniState: 32, UniAscii: 40, UniCompact: 56, BytesVal: 32, TupItems: 24},
	// CPython 3.13.0, LP64 little-endian
	0x30d: {RtInterpHead: 632, InNext: 7264, InThreads: 7344, InModules: 7656, InCevalGil: 16, GilHolder: 8, GilLocked: 16, TsNext: 8, TsInterp: 16, TsThreadID: 152, TsNative: 160, TsFrame: 72, FrBack: 8, FrLocals: 72, FrOwner: 70, FrCode: 0, FrInstr: 56, FrStack: 64, GenFrame: 72, GenState: 67, StCreated: 253, StExec: 0, StYieldFrom: 255, CoFilename: 112, CoName: 120, CoFirst: 68, CoQualname: 128, CoCode: 200, CoVarnames: 96, CoLines: 136, HtCached: 880, TpName: 24, TpBasic: 32, TpFlags: 168, TpDict: 264, TpDictOff: 288, TpMro: 344, DictKeys: 32, DictValues: 40, UniLen: 16, UniState: 32, UniAscii: 40, UniCompact: 56, BytesVal: 32, TupItems: 24, DbgRtInterpHead: 40, DbgInNext: 64, DbgInThreads: 72, DbgInModules: 88, DbgGilHolder: 144, DbgGilLocked: 136, DbgTsNext: 168, DbgTsInterp: 176, DbgTsFrame: 184, DbgTsThreadID: 192, DbgTsNative: 200, DbgFrBack: 232, DbgFrCode: 240, DbgFrInstr: 248, DbgFrLocals: 256, DbgFrOwner: 264, DbgCoFilename: 280, DbgCoName: 288, DbgCoQualname: 296, DbgCoLines: 304, DbgCoFirst: 312, DbgCoCode: 344, DbgCoVarnames: 328, DbgTpName: 376, DbgTpFlags: 392, DbgDictKeys: 456, DbgDictValues: 464, DbgUniLen: 552, DbgUniState: 544, DbgUniAscii: 560, DbgBytesVal: 528, DbgTupItems: 408, DbgSize: 584},
	// CPython 3.14.10, LP64 little-endian
	0x30e: {RtInterpHead: 808, InNext: 7272, InThreads: 7344, InModules: 7688, InCevalGil: 16, GilHolder: 8, GilLocked: 16, TsNext: 8, TsInterp: 16, TsThreadID: 152, TsNative: 160, TsFrame: 72, FrBack: 8, FrLocals: 80, FrOwner: 74, FrCode: 0, FrInstr: 56, FrStack: 64, GenFrame: 72, GenState: 67, StCreated: 253, StExec: 0, StYieldFrom: 255, CoFilename: 112, CoName: 120, CoFirst: 68, CoQualname: 128, CoCode: 208, CoVarnames: 96, CoLines: 136, HtCached: 880, TpName: 24, TpBasic: 32, TpFlags: 168, TpDict: 264, TpDictOff: 288, TpMro: 344, DictKeys: 32, DictValues: 40, UniLen: 16, UniState: 32, UniAscii: 40, UniCompact: 56, BytesVal: 32, TupItems: 32, DbgRtInterpHead: 40, DbgInNext: 64, DbgInThreads: 72, DbgInModules: 96, DbgGilHolder: 152, DbgGilLocked: 144, DbgTsNext: 192, DbgTsInterp: 200, DbgTsFrame: 208, DbgTsThreadID: 216, DbgTsNative: 224, DbgFrBack: 256, DbgFrCode: 264, DbgFrInstr: 272, DbgFrLocals: 280, DbgFrOwner: 288, DbgCoFilename: 320, DbgCoName: 328, DbgCoQualname: 336, DbgCoLines: 344, DbgCoFirst: 352, DbgCoCode: 384, DbgCoVarnames: 368, DbgTpName: 424, DbgTpFlags: 440, DbgDictKeys: 536, DbgDictValues: 544, DbgUniLen: 632, DbgUniState: 624, DbgUniAscii: 640, DbgBytesVal: 608, DbgTupItems: 456, DbgFrStack: 296, DbgGenFrame: 680, DbgGenState: 688, DbgSize: 760},
	// CPython 3.15.2, LP64 little-endian
	0x30f: {RtInterpHead: 936, InNext: 7264, InThreads: 7336, InModules: 7592, InCevalGil: 16, GilHolder: 8, GilLocked: 16, TsNext: 8, TsInterp: 16, TsThreadID: 176, TsNative: 184, TsFrame: 72, FrBack: 8, FrLocals: 80, FrOwner: 74, FrCode: 0, FrInstr: 56, FrStack: 64, GenFrame: 72, GenState: 67, StCreated: 0, StExec: 4, StYieldFrom: 2, CoFilename: 112, CoName: 120, CoFirst: 68, CoQualname: 128, CoCode: 208, CoVarnames: 96, CoLines: 136, HtCached: 888, TpName: 24, TpBasic: 32, TpFlags: 168, TpDict: 264, TpDictOff: 288, TpMro: 344, DictKeys: 32, DictValues: 40, UniLen: 16, UniState: 32, UniAscii: 40, UniCompact: 56, BytesVal: 32, TupItems: 32, DbgRtInterpHead: 40, DbgInNext: 64, DbgInThreads: 72, DbgInModules: 96, DbgGilHolder: 152, DbgGilLocked: 144, DbgTsNext: 192, DbgTsInterp: 200, DbgTsFrame: 208, DbgTsThreadID: 240, DbgTsNative: 248, DbgFrBack: 320, DbgFrCode: 328, DbgFrInstr: 336, DbgFrLocals: 344, DbgFrOwner: 352, DbgCoFilename: 384, DbgCoName: 392, DbgCoQualname: 400, DbgCoLines: 408, DbgCoFirst: 416, DbgCoCode: 448, DbgCoVarnames: 432, DbgTpName: 488, DbgTpFlags: 504, DbgDictKeys: 632, DbgDictValues: 640, DbgUniLen: 728, DbgUniState: 720, DbgUniAscii: 736, DbgBytesVal: 704, DbgTupItems: 552, DbgFrStack: 360, DbgGenFrame: 808, DbgGenState: 816, DbgSize: 888},
}

// told lists what _Py_DebugOffsets tells: where, and what for.
var told = []struct {
	at  func(*offsets) uint64
	put func(*offsets) *uint64
}{
	{func(o *offsets) uint64 { return o.DbgRtInterpHead }, func(o *offsets) *uint64 { return &o.RtInterpHead }},
	{func(o *offsets) uint64 { return o.DbgInNext }, func(o *offsets) *uint64 { return &o.InNext }},
	{func(o *offsets) uint64 { return o.DbgInThreads }, func(o *offsets) *uint64 { return &o.InThreads }},
	{func(o *offsets) uint64 { return o.DbgInModules }, func(o *offsets) *uint64 { return &o.InModules }},
	{func(o *offsets) uint64 { return o.DbgGilHolder }, func(o *offsets) *uint64 { return &o.GilHolder }},
	{func(o *offsets) uint64 { return o.DbgGilLocked }, func(o *offsets) *uint64 { return &o.GilLocked }},
	{func(o *offsets) uint64 { return o.DbgTsNext }, func(o *offsets) *uint64 { return &o.TsNext }},
	{func(o *offsets) uint64 { return o.DbgTsInterp }, func(o *offsets) *uint64 { return &o.TsInterp }},
	{func(o *offsets) uint64 { return o.DbgTsFrame }, func(o *offsets) *uint64 { return &o.TsFrame }},
	{func(o *offsets) uint64 { return o.DbgTsThreadID }, func(o *offsets) *uint64 { return &o.TsThreadID }},
	{func(o *offsets) uint64 { return o.DbgTsNative }, func(o *offsets) *uint64 { return &o.TsNative }},
	{func(o *offsets) uint64 { return o.DbgFrBack }, func(o *offsets) *uint64 { return &o.FrBack }},
	{func(o *offsets) uint64 { return o.DbgFrCode }, func(o *offsets) *uint64 { return &o.FrCode }},
	{func(o *offsets) uint64 { return o.DbgFrInstr }, func(o *offsets) *uint64 { return &o.FrInstr }},
	{func(o *offsets) uint64 { return o.DbgFrLocals }, func(o *offsets) *uint64 { return &o.FrLocals }},
	{func(o *offsets) uint64 { return o.DbgFrOwner }, func(o *offsets) *uint64 { return &o.FrOwner }},
	{func(o *offsets) uint64 { return o.DbgCoFilename }, func(o *offsets) *uint64 { return &o.CoFilename }},
	{func(o *offsets) uint64 { return o.DbgCoName }, func(o *offsets) *uint64 { return &o.CoName }},
	{func(o *offsets) uint64 { return o.DbgCoQualname }, func(o *offsets) *uint64 { return &o.CoQualname }},
	{func(o *offsets) uint64 { return o.DbgCoLines }, func(o *offsets) *uint64 { return &o.CoLines }},
	{func(o *offsets) uint64 { return o.DbgCoFirst }, func(o *offsets) *uint64 { return &o.CoFirst }},
	{func(o *offsets) uint64 { return o.DbgCoCode }, func(o *offsets) *uint64 { return &o.CoCode }},
	{func(o *offsets) uint64 { return o.DbgCoVarnames }, func(o *offsets) *uint64 { return &o.CoVarnames }},
	{func(o *offsets) uint64 { return o.DbgTpName }, func(o *offsets) *uint64 { return &o.TpName }},
	{func(o *offsets) uint64 { return o.DbgTpFlags }, func(o *offsets) *uint64 { return &o.TpFlags }},
	{func(o *offsets) uint64 { return o.DbgDictKeys }, func(o *offsets) *uint64 { return &o.DictKeys }},
	{func(o *offsets) uint64 { return o.DbgDictValues }, func(o *offsets) *uint64 { return &o.DictValues }},
	{func(o *offsets) uint64 { return o.DbgUniLen }, func(o *offsets) *uint64 { return &o.UniLen }},
	{func(o *offsets) uint64 { return o.DbgUniState }, func(o *offsets) *uint64 { return &o.UniState }},
	{func(o *offsets) uint64 { return o.DbgUniAscii }, func(o *offsets) *uint64 { return &o.UniAscii }},
	{func(o *offsets) uint64 { return o.DbgBytesVal }, func(o *offsets) *uint64 { return &o.BytesVal }},
	{func(o *offsets) uint64 { return o.DbgTupItems }, func(o *offsets) *uint64 { return &o.TupItems }},
	{func(o *offsets) uint64 { return o.DbgFrStack }, func(o *offsets) *uint64 { return &o.FrStack }},
	{func(o *offsets) uint64 { return o.DbgGenFrame }, func(o *offsets) *uint64 { return &o.GenFrame }},
	{func(o *offsets) uint64 { return o.DbgGenState }, func(o *offsets) *uint64 { return &o.GenState }},
}
