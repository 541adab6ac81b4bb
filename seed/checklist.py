"""The demo hazard checklist: seven types of M-28 plus fire passages and e-bikes, in our own words, of real length.

Data only: title · how to check · how to put right · difficulty · severity when it fails · type of the hazard, where it is not the section's.
"""

from __future__ import annotations

from typing import Any

SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("old_house", "一、老旧房屋", (
        "外墙有无明显裂缝、空鼓或剥落|目测并拍照，量取裂缝宽度|设警戒线，通知房屋权属单位排险|medium|general",
        "承重墙、梁、柱有无擅自拆改|入户询问并查看结构部位|停止施工，报房管部门鉴定|hard|major",
        "屋面、阳台、雨篷有无松动或下沉|由下向上观察，必要时借助望远镜|封闭下方通行，落实维修|medium|general",
        "地基有无不均匀沉降|查看墙脚、门窗变形情况|报房管部门，安排监测|hard|major",
        "是否存在违规群租、隔断住人|查看房间隔断、床位和逃生出口|责令恢复原状，登记人员|medium|general",
        "楼梯扶手、栏杆是否牢固|手扶晃动检查|加固或更换|easy|general",
        "公共部位照明是否完好|逐层查看|更换灯具|easy|general",
        "危旧房屋是否张贴安全告知|查看入口处|补贴告知并告知住户|easy|general",
    )),
    ("outdoor_ad", "二、户外广告设施", (
        "广告牌主体有无锈蚀、变形、倾斜|目测并拍照|限期检测，必要时拆除|medium|general",
        "固定支架、螺栓有无松动脱落|近距离查看连接点|加固，无法加固的拆除|medium|major",
        "电气线路有无裸露、私接|查看接线盒和线管|断电整改|medium|general",
        "有无设置批准手续和安全检测报告|查阅资料|补办，逾期拆除|hard|general",
        "设施下方是否人流密集且无防护|现场观察|设置警示或移位|medium|general",
        "台风预警期间是否落实加固或放倒|查看落实情况|立即加固或放倒|easy|major",
        "是否遮挡消防登高面或排烟窗|对照消防标识查看|拆除遮挡部分|medium|general",
    )),
    ("shop_sign", "三、店招店牌", (
        "店招底部龙骨有无锈断|目测、轻敲检查|更换龙骨|medium|general",
        "面板有无松动、翘边、开裂|目测|加固或拆除|easy|general",
        "灯箱有无漏电、过热痕迹|查看线路、询问业主|断电维修|medium|general",
        "一店多招、超长超高是否存在|测量比对|拆除多余店招|easy|general",
        "空置商铺店招是否仍悬挂|核对营业状态|拆除|easy|general",
        "店招下方是否为主要通行道|现场观察|设置警示，优先整改|easy|general",
        "责任人是否明确并有联系方式|查看台账|补充登记|easy|general",
    )),
    ("illegal_building", "四、违章搭建", (
        "有无占用公共部位、绿地搭建|巡查比对上次照片|责令自行拆除，上报城管|hard|general",
        "彩钢板、泡沫夹芯板搭建是否住人|查看用途和人员|立即清退人员|medium|major",
        "楼顶有无加建、堆放重物|登顶查看|清理、拆除|hard|general",
        "搭建是否影响消防通道宽度|测量通道净宽不少于4米|拆除占道部分|medium|major",
        "搭建内有无生产经营、存放危险品|查看物品|立即清理并上报|medium|major",
        "在建搭建是否已停工|现场确认|下达停工通知|easy|general",
        "存量违建有无防汛防台加固|查看加固措施|加固或转移人员|medium|general",
    )),
    ("corridor_clutter", "五、楼道堆物与安全出口", (
        "楼道、楼梯间有无堆放杂物|逐层查看|清理，张贴告知|easy|general",
        "楼道内有无可燃物、废旧纸板|逐层查看|立即清理|easy|general",
        "安全出口是否锁闭、遮挡|推拉测试|立即打开、清除遮挡|easy|major",
        "疏散指示、应急照明是否完好|按压测试按钮|更换|easy|general",
        "消火栓、灭火器是否被遮挡或挪用|查看位置、压力|恢复、补充|easy|general",
        "灭火器压力是否在绿区、在有效期内|查看压力表和检修标签|更换、检修|easy|general",
        "防火门是否常闭、闭门器是否有效|开关测试|维修闭门器|medium|general",
        "电缆井、管道井是否封堵、无杂物|开门查看|清理、封堵|medium|general",
        "楼道内有无私设鞋柜、花架影响通行|测量净宽不少于1.1米|移除|easy|general",
    )),
    ("falling_object", "六、高空坠物", (
        "阳台、窗台外有无花盆、杂物|由下向上观察|劝导移除|easy|general",
        "空调外机支架有无锈蚀、松动|目测|通知业主更换支架|medium|general",
        "外窗玻璃有无破损、窗扇松动|目测|更换玻璃、加固窗扇|medium|general",
        "晾衣架、雨棚有无松脱|目测|加固或拆除|easy|general",
        "外墙保温层、瓷砖有无空鼓|敲击或红外检查|设隔离带，维修|hard|major",
        "高层屋顶有无未固定物品|登顶查看|清理、固定|easy|general",
        "坠物多发点位有无警示和监测|查看标识和监控|补设|easy|general",
        "塔吊、脚手架毗邻居民楼的防护|查看防护棚、安全网|责令施工单位整改|medium|major",
    )),
    ("ebike_charging", "七、电瓶车停放充电", (
        "首层门厅、共用走道、楼梯间有无停放电瓶车|逐楼查看|劝离，拖移|easy|general",
        "疏散通道、安全出口处有无停放充电|现场查看|立即移除|easy|major",
        "有无电瓶车或电池进入电梯轿厢|查看监控、询问|劝阻，安装阻车装置|medium|general",
        "有无私拉电线、飞线充电|由上向下查看外墙|拆除线路|easy|general|private_wiring",
        "有无电池入户充电|入户询问、观察|劝导到集中充电点|medium|general",
        "集中充电点有无过载、短路保护|查看配电箱|加装保护装置|medium|general",
        "集中充电点与建筑间距、防火分隔|测量、查看|调整布局|hard|general",
        "充电点有无灭火器、监控、烟感|逐项查看|补配|easy|general",
        "有无改装电池、改装车辆|查看铭牌|登记、劝返|medium|general",
        "快递、外卖集中租住点是否单独检查|入户查看|落实包干责任人|medium|major",
    )),
    ("private_wiring", "八、公共设施与四类监测", (
        "窨井盖有无缺失、破损、松动|沿路逐个踩踏查看|设围挡，通知养护单位|easy|major|manhole_missing",
        "消防车通道有无违停、障碍|现场查看、拍照|通知移车，报交警|easy|general|fire_lane_blocked",
        "公共区域有无私拉电线|现场查看|拆除|easy|general",
        "配电箱、弱电箱门是否上锁|逐个查看|补锁|easy|general|other",
        "防汛沙袋、挡水板是否到位|对照清单清点|补充|easy|general|other",
        "地下车库集水井、水泵是否可用|试泵|维修|medium|general|other",
        "危险源警示标识是否清晰|现场查看|更换|easy|general|other",
        "微型消防站器材、值守是否到位|对照装备清单|补齐|medium|general|other",
    )),
)  # fmt: skip


def sections() -> list[dict[str, Any]]:
    """The value of the template's `sections`."""
    found = []
    for code, title, lines in SECTIONS:
        items = []
        for number, line in enumerate(lines, 1):
            text, method, rectify, difficulty, severity, *other = line.split("|")
            items.append(
                {
                    "id": f"{code}_{number}", "title": text, "method": method, "rectify": rectify,
                    "difficulty": difficulty, "severity": severity, "hazard_type": other[0] if other else code,
                }
            )  # fmt: skip
        found.append({"id": code, "title": title, "items": items})
    return found
