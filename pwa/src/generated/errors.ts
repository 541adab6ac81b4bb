// Generated from server declarations by `python -m server.generate`. Never edit.

export interface Problem {
  readonly status: number;
  readonly zh: string;
  readonly en: string;
  readonly detail_zh: string;
  readonly detail: string;
  readonly retry: "never" | "later" | "login" | "change";
}

export const ERRORS: Readonly<Record<string, Problem>> = {
  bad_request: {"status": 400, "zh": "请求无法识别", "en": "Unreadable request", "detail_zh": "请求内容无法读取。数据在本机，安全。", "detail": "The request could not be read: {reason}.", "retry": "change"},
  bad_json: {"status": 400, "zh": "不是有效的 JSON", "en": "Not JSON", "detail_zh": "提交的内容不是有效的 JSON。", "detail": "The body is not valid JSON.", "retry": "change"},
  bad_header: {"status": 400, "zh": "同步请求头有误", "en": "Bad sync header", "detail_zh": "同步请求的首行有误，数据在本机，安全。", "detail": "Line 1 of the batch is not a sync header: {reason}.", "retry": "change"},
  bad_batch: {"status": 400, "zh": "批次有误", "en": "Bad batch", "detail_zh": "本批数据无法读取，数据在本机，安全。", "detail": "The batch cannot be read: {reason}.", "retry": "change"},
  bad_encoding: {"status": 400, "zh": "内容已损坏", "en": "Bad encoding", "detail_zh": "内容在途中损坏，将重新发送。", "detail": "The body was damaged on its way.", "retry": "later"},
  login_required: {"status": 401, "zh": "请登录", "en": "Sign in", "detail_zh": "需要登录。数据在本机，安全。", "detail": "Sign in to go on. Nothing on this device is lost.", "retry": "login"},
  login_failed: {"status": 401, "zh": "登录失败", "en": "Sign-in failed", "detail_zh": "用户名或密码不正确。", "detail": "User name or password is wrong.", "retry": "change"},
  code_required: {"status": 401, "zh": "需要动态验证码", "en": "Code needed", "detail_zh": "请输入验证器 App 上的 6 位动态码，或一个恢复码。", "detail": "Enter the six-digit code of your authenticator app, or a recovery code.", "retry": "change"},
  code_wrong: {"status": 401, "zh": "动态码不正确", "en": "Code wrong", "detail_zh": "动态码不正确或已用过，请等 App 换出下一个再输入。", "detail": "The code is wrong, or was used already. Take the next one the app shows.", "retry": "change"},
  code_clock: {"status": 401, "zh": "手机时间不准", "en": "Phone's clock is off", "detail_zh": "这个动态码对应的不是现在的时间。请把手机时间设为“自动”，再输入新的动态码。", "detail": "The code fits another time: set the phone's clock to automatic, then take the code it shows.", "retry": "change"},
  password_expired: {"status": 401, "zh": "初始密码已过期", "en": "First password ran out", "detail_zh": "初始密码已过期，请当面向管理员重新领取。", "detail": "This first password has run out; ask the administrator for another.", "retry": "never"},
  session_idle: {"status": 401, "zh": "长时间未操作，已锁定", "en": "Locked after a pause", "detail_zh": "长时间未操作，已锁定。输入密码即可继续，已填内容都在。", "detail": "Nobody touched this desk for a while: enter the password to go on. What was typed is kept.", "retry": "login"},
  device_unknown: {"status": 401, "zh": "终端未登记", "en": "Unknown device", "detail_zh": "本终端未在中心登记。数据在本机，安全。", "detail": "This device is not enrolled here.", "retry": "never"},
  device_revoked: {"status": 403, "zh": "终端已停用", "en": "Device revoked", "detail_zh": "本终端已被中心停用，请联系城运中心。", "detail": "The town centre has revoked this device.", "retry": "never"},
  forbidden: {"status": 403, "zh": "没有权限", "en": "Not allowed", "detail_zh": "您的岗位没有此项权限。", "detail": "Your post does not allow this.", "retry": "never"},
  setup_required: {"status": 403, "zh": "请先完成登录设置", "en": "Finish signing in", "detail_zh": "请先设置自己的密码；需要动态验证码的，还要先绑定。", "detail": "First choose a password of your own, and set up the second factor where the town asks for it.", "retry": "change"},
  confirm_required: {"status": 403, "zh": "请再次验证身份", "en": "Is it you?", "detail_zh": "此操作涉及登录、权限或不可恢复，请再次输入密码；已绑定动态码的，还要输入动态码。", "detail": "This gives access or cannot be undone: show the password again, and the code if there is one.", "retry": "login"},
  not_found: {"status": 404, "zh": "未找到", "en": "Not found", "detail_zh": "没有找到，或您无权查看。", "detail": "There is nothing here, or you may not see it.", "retry": "never"},
  method_not_allowed: {"status": 405, "zh": "不支持的操作", "en": "Method not allowed", "detail_zh": "此地址不支持该操作。", "detail": "This address does not support that method.", "retry": "never"},
  conflict: {"status": 409, "zh": "状态冲突", "en": "Conflict", "detail_zh": "状态已变化，请刷新后重试。", "detail": "The state has changed meanwhile: {reason}.", "retry": "change"},
  same_node: {"status": 409, "zh": "同一节点", "en": "Same node", "detail_zh": "两端是同一个节点，或一端的数据库是另一端的副本。", "detail": "Both ends are the same node, or one is a copy of the other's database.", "retry": "never"},
  at_centre: {"status": 409, "zh": "请在中心办理", "en": "Done at the centre", "detail_zh": "账号和终端由中心维护，本站点只同步。请联系城运中心办理。", "detail": "Accounts and devices are kept at the town centre; this hub only copies them.", "retry": "never"},
  already_used: {"status": 409, "zh": "已被使用", "en": "Already used", "detail_zh": "该名称或编码已被使用。", "detail": "This name or code is already used.", "retry": "change"},
  offset_mismatch: {"status": 409, "zh": "上传位置不一致", "en": "Offset mismatch", "detail_zh": "上传位置不一致，将自动续传。", "detail": "The upload stands at another offset.", "retry": "later"},
  rebase: {"status": 410, "zh": "需要重新载入", "en": "Load anew", "detail_zh": "数据版本已变化，将重新载入；未上传的内容不受影响。", "detail": "The cursor no longer fits; load the data anew. Unsent work stays.", "retry": "later"},
  gone: {"status": 410, "zh": "已不存在", "en": "Gone", "detail_zh": "上传已过期，将重新开始。", "detail": "This upload has expired; start it again.", "retry": "later"},
  bad_version: {"status": 412, "zh": "上传协议版本不支持", "en": "Unknown tus version", "detail_zh": "上传协议版本不支持。", "detail": "Only tus 1.0.0 is spoken here.", "retry": "never"},
  too_large: {"status": 413, "zh": "内容过大", "en": "Too large", "detail_zh": "一次发送的内容过大，将自动分批发送。", "detail": "The body is larger than allowed; send less at once.", "retry": "change"},
  bad_media_type: {"status": 415, "zh": "内容类型不正确", "en": "Wrong content type", "detail_zh": "内容类型不正确。", "detail": "The content type is not the one expected here.", "retry": "change"},
  bad_range: {"status": 416, "zh": "范围无效", "en": "Bad range", "detail_zh": "请求的范围无效。", "detail": "The requested range does not exist.", "retry": "change"},
  invalid: {"status": 422, "zh": "请更正", "en": "Please correct", "detail_zh": "有内容需要更正。", "detail": "Some fields are not right.", "retry": "change"},
  enrol_code_invalid: {"status": 422, "zh": "登记码无效", "en": "Code not valid", "detail_zh": "登记码不正确、已使用或已过期，请向中心重新申请。", "detail": "The code is wrong, used or too old.", "retry": "change"},
  password_weak: {"status": 422, "zh": "密码过于简单", "en": "Password too weak", "detail_zh": "密码至少 10 位，须含字母和数字，不能是常见的词和数字，也不能含用户名。", "detail": "Use at least 10 characters with letters and digits, no common word or number, not the user name.", "retry": "change"},
  bundle_damaged: {"status": 422, "zh": "应急包已损坏", "en": "Bundle damaged", "detail_zh": "应急包无法读取，原文件请妥善保留。", "detail": "The rescue bundle cannot be read: {reason}.", "retry": "change"},
  locked: {"status": 423, "zh": "正在使用", "en": "Busy", "detail_zh": "同一文件正在传输。", "detail": "Another transfer of the same file is running.", "retry": "later"},
  too_many_tries: {"status": 429, "zh": "尝试次数过多", "en": "Too many tries", "detail_zh": "尝试次数过多，请在 {seconds} 秒后再试。", "detail": "Too many wrong tries. Wait {seconds} seconds.", "retry": "later"},
  too_many_requests: {"status": 429, "zh": "操作过于频繁", "en": "Too many requests", "detail_zh": "短时间内请求过多，请稍候，数据不受影响。", "detail": "Too many requests in a short time. Nothing is lost; it goes on after a short wait.", "retry": "later"},
  day_limit: {"status": 429, "zh": "今日次数已用完", "en": "Limit of the day reached", "detail_zh": "24 小时内的次数已达上限。确需继续，请联系城运中心管理员。", "detail": "The limit of 24 hours is reached. If it must be, ask the town centre's administrator.", "retry": "later"},
  too_busy: {"status": 503, "zh": "正忙", "en": "Busy", "detail_zh": "同类任务正在进行，请稍后再试。", "detail": "Others are having the same done just now. Try again in a moment.", "retry": "later"},
  too_many_streams: {"status": 503, "zh": "实时连接过多", "en": "Too many live streams", "detail_zh": "实时连接过多，不影响同步。", "detail": "Too many live connections; sync still works.", "retry": "later"},
  checksum_mismatch: {"status": 460, "zh": "校验不一致", "en": "Checksum mismatch", "detail_zh": "收到的内容与发送的不一致，将自动重传。", "detail": "The bytes received differ from those sent.", "retry": "later"},
  internal: {"status": 500, "zh": "服务器出错", "en": "Server error", "detail_zh": "服务器出错。数据在本机，安全。请把下面的编号告诉管理员。", "detail": "The server failed. Give the number below to the operator.", "retry": "later"},
  unavailable: {"status": 503, "zh": "服务暂不可用", "en": "Not ready", "detail_zh": "服务暂不可用，稍后自动重试。", "detail": "The service is not ready: {reason}.", "retry": "later"},
  rescue_full: {"status": 507, "zh": "应急包保存区已满", "en": "No room to keep the bundle", "detail_zh": "应急包中能收的已收下，其余未收；保存区已满，原包未能留存。请保留原文件，并联系管理员清理以前留存的应急包。", "detail": "What could be taken of the bundle is here, the rest is not, and there is no room to keep the bundle itself. Keep the file; the operator has to look at the bundles kept before.", "retry": "later"},
  storage_full: {"status": 507, "zh": "存储空间不足", "en": "Storage full", "detail_zh": "服务器存储空间不足，请联系管理员。数据在本机，安全。", "detail": "The server's storage is full.", "retry": "later"},
};
