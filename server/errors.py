"""The error catalogue: every refusal of the server, once, in the words of its users (RFC 9457).

Owns code, status, titles, sentence and retry class. Anything refuses by `raise fail("code")`; `server.web.problems` renders.
`retry`: never - the same request will fail again · later - wait and send the same · login - sign in, then the same · change -
correct the request. The list is emitted to TypeScript, so a code never changes its meaning.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal. `detail_*` may name placeholders filled from the failure's details."""

    code: str
    status: int
    title: str
    title_zh: str
    detail: str
    detail_zh: str
    retry: str


class ProblemError(Exception):
    """A refusal on its way to the client. `headers` are added to the answer."""

    def __init__(self, problem: Problem, extra: dict[str, Any], headers: dict[str, str]) -> None:
        """Use `fail`."""
        super().__init__(problem.code)
        self.problem = problem
        self.extra = extra
        self.headers = headers


_ROWS: tuple[tuple[str, int, str, str, str, str, str], ...] = (
    ("bad_request", 400, "Unreadable request", "请求无法识别", "The request could not be read: {reason}.", "请求内容无法读取。数据在本机，安全。", "change"),
    ("bad_json", 400, "Not JSON", "不是有效的 JSON", "The body is not valid JSON.", "提交的内容不是有效的 JSON。", "change"),
    ("bad_header", 400, "Bad sync header", "同步请求头有误", "Line 1 of the batch is not a sync header: {reason}.", "同步请求的首行有误，数据在本机，安全。", "change"),
    ("bad_batch", 400, "Bad batch", "批次有误", "The batch cannot be read: {reason}.", "本批数据无法读取，数据在本机，安全。", "change"),
    ("bad_encoding", 400, "Bad encoding", "内容已损坏", "The body was damaged on its way.", "内容在途中损坏，将重新发送。", "later"),
    ("login_required", 401, "Sign in", "请登录", "Sign in to go on. Nothing on this device is lost.", "需要登录。数据在本机，安全。", "login"),
    ("login_failed", 401, "Sign-in failed", "登录失败", "User name or password is wrong.", "用户名或密码不正确。", "change"),
    ("code_required", 401, "Code needed", "需要动态验证码", "Enter the six-digit code of your authenticator app, or a recovery code.", "请输入验证器 App 上的 6 位动态码，或一个恢复码。", "change"),
    ("code_wrong", 401, "Code wrong", "动态码不正确", "The code is wrong, or was used already. Take the next one the app shows.", "动态码不正确或已用过，请等 App 换出下一个再输入。", "change"),
    ("code_clock", 401, "Phone's clock is off", "手机时间不准", "The code fits another time: set the phone's clock to automatic, then take the code it shows.", "这个动态码对应的不是现在的时间。请把手机时间设为“自动”，再输入新的动态码。", "change"),
    ("password_expired", 401, "First password ran out", "初始密码已过期", "This first password has run out; ask the administrator for another.", "初始密码已过期，请当面向管理员重新领取。", "never"),
    ("session_idle", 401, "Locked after a pause", "长时间未操作，已锁定", "Nobody touched this desk for a while: enter the password to go on. What was typed is kept.", "长时间未操作，已锁定。输入密码即可继续，已填内容都在。", "login"),
    ("device_unknown", 401, "Unknown device", "终端未登记", "This device is not enrolled here.", "本终端未在中心登记。数据在本机，安全。", "never"),
    ("device_revoked", 403, "Device revoked", "终端已停用", "The town centre has revoked this device.", "本终端已被中心停用，请联系城运中心。", "never"),
    ("forbidden", 403, "Not allowed", "没有权限", "Your post does not allow this.", "您的岗位没有此项权限。", "never"),
    ("setup_required", 403, "Finish signing in", "请先完成登录设置", "First choose a password of your own, and set up the second factor where the town asks for it.", "请先设置自己的密码；需要动态验证码的，还要先绑定。", "change"),
    ("confirm_required", 403, "Is it you?", "请再次验证身份", "This gives access or cannot be undone: show the password again, and the code if there is one.", "此操作涉及登录、权限或不可恢复，请再次输入密码；已绑定动态码的，还要输入动态码。", "login"),
    ("not_found", 404, "Not found", "未找到", "There is nothing here, or you may not see it.", "没有找到，或您无权查看。", "never"),
    ("method_not_allowed", 405, "Method not allowed", "不支持的操作", "This address does not support that method.", "此地址不支持该操作。", "never"),
    ("conflict", 409, "Conflict", "状态冲突", "The state has changed meanwhile: {reason}.", "状态已变化，请刷新后重试。", "change"),
    ("same_node", 409, "Same node", "同一节点", "Both ends are the same node, or one is a copy of the other's database.", "两端是同一个节点，或一端的数据库是另一端的副本。", "never"),
    ("at_centre", 409, "Done at the centre", "请在中心办理", "Accounts and devices are kept at the town centre; this hub only copies them.", "账号和终端由中心维护，本站点只同步。请联系城运中心办理。", "never"),
    ("already_used", 409, "Already used", "已被使用", "This name or code is already used.", "该名称或编码已被使用。", "change"),
    ("offset_mismatch", 409, "Offset mismatch", "上传位置不一致", "The upload stands at another offset.", "上传位置不一致，将自动续传。", "later"),
    ("rebase", 410, "Load anew", "需要重新载入", "The cursor no longer fits; load the data anew. Unsent work stays.", "数据版本已变化，将重新载入；未上传的内容不受影响。", "later"),
    ("gone", 410, "Gone", "已不存在", "This upload has expired; start it again.", "上传已过期，将重新开始。", "later"),
    ("bad_version", 412, "Unknown tus version", "上传协议版本不支持", "Only tus 1.0.0 is spoken here.", "上传协议版本不支持。", "never"),
    ("too_large", 413, "Too large", "内容过大", "The body is larger than allowed; send less at once.", "一次发送的内容过大，将自动分批发送。", "change"),
    ("bad_media_type", 415, "Wrong content type", "内容类型不正确", "The content type is not the one expected here.", "内容类型不正确。", "change"),
    ("bad_range", 416, "Bad range", "范围无效", "The requested range does not exist.", "请求的范围无效。", "change"),
    ("invalid", 422, "Please correct", "请更正", "Some fields are not right.", "有内容需要更正。", "change"),
    ("enrol_code_invalid", 422, "Code not valid", "登记码无效", "The code is wrong, used or too old.", "登记码不正确、已使用或已过期，请向中心重新申请。", "change"),
    ("password_weak", 422, "Password too weak", "密码过于简单", "Use at least 10 characters with letters and digits, no common word or number, not the user name.", "密码至少 10 位，须含字母和数字，不能是常见的词和数字，也不能含用户名。", "change"),
    ("bundle_damaged", 422, "Bundle damaged", "应急包已损坏", "The rescue bundle cannot be read: {reason}.", "应急包无法读取，原文件请妥善保留。", "change"),
    ("locked", 423, "Busy", "正在使用", "Another transfer of the same file is running.", "同一文件正在传输。", "later"),
    ("too_many_tries", 429, "Too many tries", "尝试次数过多", "Too many wrong tries. Wait {seconds} seconds.", "尝试次数过多，请在 {seconds} 秒后再试。", "later"),
    ("too_many_requests", 429, "Too many requests", "操作过于频繁", "Too many requests in a short time. Nothing is lost; it goes on after a short wait.", "短时间内请求过多，请稍候，数据不受影响。", "later"),
    ("day_limit", 429, "Limit of the day reached", "今日次数已用完", "The limit of 24 hours is reached. If it must be, ask the town centre's administrator.", "24 小时内的次数已达上限。确需继续，请联系城运中心管理员。", "later"),
    ("too_busy", 503, "Busy", "正忙", "Others are having the same done just now. Try again in a moment.", "同类任务正在进行，请稍后再试。", "later"),
    ("too_many_streams", 503, "Too many live streams", "实时连接过多", "Too many live connections; sync still works.", "实时连接过多，不影响同步。", "later"),
    ("checksum_mismatch", 460, "Checksum mismatch", "校验不一致", "The bytes received differ from those sent.", "收到的内容与发送的不一致，将自动重传。", "later"),
    ("internal", 500, "Server error", "服务器出错", "The server failed. Give the number below to the operator.", "服务器出错。数据在本机，安全。请把下面的编号告诉管理员。", "later"),
    ("unavailable", 503, "Not ready", "服务暂不可用", "The service is not ready: {reason}.", "服务暂不可用，稍后自动重试。", "later"),
    ("rescue_full", 507, "No room to keep the bundle", "应急包保存区已满", "What could be taken of the bundle is here, the rest is not, and there is no room to keep the bundle itself. Keep the file; the operator has to look at the bundles kept before.", "应急包中能收的已收下，其余未收；保存区已满，原包未能留存。请保留原文件，并联系管理员清理以前留存的应急包。", "later"),
    ("storage_full", 507, "Storage full", "存储空间不足", "The server's storage is full.", "服务器存储空间不足，请联系管理员。数据在本机，安全。", "later"),
)  # fmt: skip

CATALOGUE: dict[str, Problem] = {row[0]: Problem(*row) for row in _ROWS}


def fail(code: str, *, headers: dict[str, str] | None = None, **extra: Any) -> ProblemError:
    """The exception for a catalogue code; raise it. `extra` goes into the problem document."""
    return ProblemError(CATALOGUE[code], extra, headers or {})
